"""Where wrong passwords are counted, by the hash of the e-mail address."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

from pymongo.database import Database

from chassis.config import setting
from chassis.context import Context
from chassis.mongo import Collection, Document, Index
from svc_auth.domain.login_delays import (
    FORGOTTEN_AFTER,
    MOST_ADDRESSES,
    LoginDelay,
    delay_after,
)
from svc_auth.domain.signing_keys import SYSTEM_ORG_ID

__all__ = ["LOGIN_DELAYS", "LoginDelays"]

LOGIN_DELAYS: Final = Collection(
    "login_delays", (Index((("expires_at", 1),), expires_after_s=0),)
)


class LoginDelays:
    """Wrong passwords of accounts; those that do not exist are counted alike.

    Neither the e-mail address nor the client's is kept: only what somebody who
    knows both and our key could compute.
    """

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[LOGIN_DELAYS.name]
        self._context = context
        self._key = base64.urlsafe_b64decode(setting("VAULT_KEY"))

    def find(self, email: str) -> LoginDelay:
        """What is remembered of an account."""
        row = self._rows.find_one({"_id": self._hash("email", email)})
        if row is None:
            return LoginDelay()
        return LoginDelay(
            failures=row["failures"],
            blocked_until=row.get("blocked_until"),
            addresses=tuple(row.get("addresses", ())),
        )

    @property
    def place(self) -> str:
        """Where the request came from, as ``LoginDelay`` knows it."""
        return self._hash("address", self._context.origin.place)

    def note_failure(self, email: str) -> None:
        """Count a wrong password; of two at once both count."""
        now, key = self._context.now(), self._hash("email", email)
        row = self._rows.find_one_and_update(
            {"_id": key},
            {
                "$inc": {"failures": 1},
                "$set": {"expires_at": now + FORGOTTEN_AFTER},
                "$setOnInsert": {"org_id": SYSTEM_ORG_ID, "schema_version": 1},
            },
            upsert=True,
            return_document=True,
        )
        self._block(key, now, row["failures"] if row else 1)

    def _block(self, key: str, now: datetime, failures: int) -> None:
        if delay := delay_after(failures):
            self._rows.update_one(
                {"_id": key}, {"$max": {"blocked_until": now + delay}}
            )

    def note_success(self, email: str, known: LoginDelay, address: str) -> None:
        """Begin to count anew, and know the client's address from now on.

        Writes nothing if that is so already.
        """
        if not known.failures and address in known.addresses:
            return
        now = self._context.now()
        self._rows.update_one(
            {"_id": self._hash("email", email)},
            [
                {
                    "$set": {
                        "org_id": SYSTEM_ORG_ID,
                        "schema_version": 1,
                        "failures": 0,
                        "blocked_until": None,
                        "expires_at": now + FORGOTTEN_AFTER,
                        "addresses": {
                            "$slice": [
                                {
                                    "$concatArrays": [
                                        _without(address),
                                        [address],
                                    ]
                                },
                                -MOST_ADDRESSES,
                            ]
                        },
                    }
                }
            ],
            upsert=True,
        )

    def forget(self, email: str) -> None:
        """Know nothing of an account: neither failures nor addresses."""
        self._rows.delete_one({"_id": self._hash("email", email)})

    def _hash(self, kind: str, text: str) -> str:
        message = f"login_delays:{kind}:{text.casefold()}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def _without(address: str) -> Document:
    """The addresses that a row has already, but for one; the latest are last."""
    return {
        "$filter": {
            "input": {"$ifNull": ["$addresses", []]},
            "cond": {"$ne": ["$$this", address]},
        }
    }
