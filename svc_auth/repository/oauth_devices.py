"""Where requests of devices are kept, by the hashes of both their codes."""

from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.mongo import Collection, Document, Index
from svc_auth.domain.devices import (
    LONGEST_INTERVAL_S,
    REMEMBERED_LIFE,
    DeviceRequest,
    DeviceStatus,
)
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.oauth import BrowserLogin

__all__ = ["DEVICE_REQUESTS", "DeviceRequestRepository"]

DEVICE_REQUESTS: Final = Collection(
    "device_requests",
    (
        Index((("forgotten_at", 1),), expires_after_s=0),
        Index((("user_code_hash", 1),), is_unique=True),
        Index((("asker", 1), ("expires_at", 1))),
    ),
    is_global=True,
)


class DeviceRequestRepository:
    """Requests of devices; the codes themselves are nowhere."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[DEVICE_REQUESTS.name]
        self._context = context

    def count_open(self, asker: str, now: datetime, enough: int) -> int:
        """How many came from there that are still good, counting to ``enough``."""
        conditions = {"asker": asker, "expires_at": {"$gt": now}}
        return self._rows.count_documents(conditions, limit=enough)

    def add(self, device_code: str, user_code: str, record: DeviceRequest) -> bool:
        """Remember a request; not if another one has that user code."""
        try:
            self._rows.insert_one(
                {
                    "_id": hash_of(device_code),
                    "schema_version": 1,
                    "user_code_hash": hash_of(user_code),
                    "forgotten_at": record.expires_at + REMEMBERED_LIFE,
                    "comes_again": False,
                    **vars(record),
                }
            )
        except DuplicateKeyError:
            return False
        return True

    def find(self, user_code: str) -> DeviceRequest | None:
        """The request that a person is shown."""
        return _restored(self._rows.find_one({"user_code_hash": hash_of(user_code)}))

    def decide(
        self, user_code: str, status: DeviceStatus, login: BrowserLogin, now: datetime
    ) -> bool:
        """Keep what somebody has decided; whether it was still to be.

        A request that is delivered twice, because its process died, has decided
        so itself.
        """
        own = self._context.message
        is_open = {"status": "pending", "expires_at": {"$gt": now}}
        result = self._rows.update_one(
            {
                "user_code_hash": hash_of(user_code),
                "$or": [is_open, {"status": status, "decided_by": own}],
            },
            {
                "$set": {
                    "status": status,
                    "decided_by": own,
                    "person_id": login.person_id,
                    "authenticated_at": login.authenticated_at,
                    "login_id": login.session_id,
                    "login_org_id": login.org_id,
                    "methods": list(login.methods),
                }
            },
        )
        return result.matched_count == 1

    def ask(self, device_code: str, now: datetime) -> DeviceRequest | None:
        """Note that the device asks; the request as it was before."""
        row = self._rows.find_one_and_update(
            {"_id": hash_of(device_code)},
            {"$set": {"asked_at": now}},
            return_document=ReturnDocument.BEFORE,
        )
        return _restored(row)

    def slow_down(self, device_code: str, by_s: int) -> None:
        """Have the device wait longer between two questions from now on."""
        self._rows.update_one(
            {
                "_id": hash_of(device_code),
                "interval_s": {"$lte": LONGEST_INTERVAL_S - by_s},
            },
            {"$inc": {"interval_s": by_s}},
        )

    def spend(self, device_code: str) -> bool:
        """Give what was allowed, the only time; noted if it is asked for again.

        A request that is delivered twice, because its process died, is given it
        again.
        """
        own = self._context.message
        is_spent = {"$eq": ["$status", "spent"]}
        is_another = {"$and": [is_spent, {"$ne": ["$spent_by", own]}]}
        row: Any = self._rows.find_one_and_update(
            {"_id": hash_of(device_code), "status": {"$in": ["allowed", "spent"]}},
            [
                {
                    "$set": {
                        "comes_again": {"$or": ["$comes_again", is_another]},
                        "spent_by": {"$ifNull": ["$spent_by", own]},
                        "status": "spent",
                    }
                }
            ],
            return_document=ReturnDocument.BEFORE,
        )
        return row is not None and (
            row["status"] == "allowed" or row.get("spent_by") == own
        )

    def comes_again(self, device_code: str) -> bool:
        """Whether what was given has been asked for once more."""
        row = self._rows.find_one({"_id": hash_of(device_code)})
        return row is not None and bool(row["comes_again"])


def _restored(row: Document | None) -> DeviceRequest | None:
    if row is None:
        return None
    names = DeviceRequest.__dataclass_fields__.keys() & row.keys()
    values = {name: row[name] for name in names}
    lists = {"scope": tuple(row["scope"]), "methods": tuple(row["methods"])}
    return DeviceRequest(**{**values, **lists})
