"""Where second factors are kept: the secret sealed, recovery codes by hash."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pymongo.database import Database

from chassis.config import setting
from chassis.context import Context
from chassis.ids import derive_id
from chassis.mongo import Collection, Document
from chassis.vault import SUBJECT_KEYS, Vault
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.login_delays import delay_after
from svc_auth.domain.second_factors import SecondFactor, spelled_recovery_code
from svc_auth.domain.signing_keys import SYSTEM_ORG_ID

__all__ = ["SECOND_FACTORS", "SecondFactorRepository"]

SECOND_FACTORS: Final = Collection("second_factors", is_global=True)
_LABEL: Final = "second_factor"


class SecondFactorRepository:
    """Second factors, at most one a person."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[SECOND_FACTORS.name]
        self._vault = Vault(database[SUBJECT_KEYS.name], setting("VAULT_KEY"))
        self._context = context

    def find(self, person_id: str) -> SecondFactor | None:
        """The person's, confirmed or not."""
        row = self._rows.find_one({"_id": person_id}, session=self._context.session)
        if row is None:
            return None
        key = self._vault.find_key(_subject(person_id))
        if key is None:
            raise LookupError(f"The key of {person_id}'s second factor is gone.")
        return SecondFactor(
            person_id=person_id,
            secret=bytes.fromhex(self._vault.decrypt(key, row["secret"], _LABEL)),
            confirmed_at=row["confirmed_at"],
            failures=row["failures"],
            blocked_until=row["blocked_until"],
            recovery_codes_left=len(row["recovery_hashes"]),
        )

    def begin(self, person_id: str, secret: bytes) -> bool:
        """Keep a secret that has to be confirmed, instead of another such.

        Returns:
            Whether it is kept; not if one has been confirmed.
        """
        subject = _subject(person_id)
        key = self._vault.keys_of([(SYSTEM_ORG_ID, subject)])[subject]
        fresh = {
            "schema_version": 1,
            "secret": self._vault.encrypt(key, secret.hex(), _LABEL),
            "confirmed_at": None,
            "last_step": 0,
            "failures": 0,
            "blocked_until": None,
            "recovery_hashes": [],
        }
        row: Any = self._rows.find_one_and_update(
            {"_id": person_id},
            [
                {
                    "$replaceWith": {
                        "$cond": [
                            {"$ifNull": ["$confirmed_at", False]},
                            "$$ROOT",
                            {"_id": person_id, **fresh},
                        ]
                    }
                }
            ],
            upsert=True,
            return_document=True,
        )
        return row["confirmed_at"] is None

    def confirm(self, person_id: str, codes: Iterable[str], now: datetime) -> bool:
        """Ask for it from now on; whether this call is what did that."""
        result = self._rows.update_one(
            {"_id": person_id, "confirmed_at": None},
            {"$set": {"confirmed_at": now, "recovery_hashes": _hashes(codes)}},
            session=self._context.session,
        )
        return result.modified_count == 1

    def replace_codes(self, person_id: str, codes: Iterable[str]) -> None:
        """Give a person other recovery codes, in place of all they had."""
        self._rows.update_one(
            {"_id": person_id},
            {"$set": {"recovery_hashes": _hashes(codes)}},
            session=self._context.session,
        )

    def use_step(self, person_id: str, step: int) -> bool:
        """Take a step's code, the only time; nor is an earlier one taken then.

        A request that is delivered twice, because its process died, has used it
        itself; so with ``use_code``.
        """
        is_fresh = {"last_step": {"$lt": step}}
        own = {"last_step": step, "spent_by": self._context.message}
        return self._use(person_id, [is_fresh, own], {"$set": {"last_step": step}})

    def use_code(self, person_id: str, typed: str) -> bool:
        """Take a recovery code, the only time."""
        (code_hash,) = _hashes([typed])
        is_fresh = {"recovery_hashes": code_hash}
        own = {"last_code": code_hash, "spent_by": self._context.message}
        change = {
            "$pull": {"recovery_hashes": code_hash},
            "$set": {"last_code": code_hash},
        }
        return self._use(person_id, [is_fresh, own], change)

    def _use(
        self, person_id: str, conditions: list[Document], change: Document
    ) -> bool:
        fresh = {
            "failures": 0,
            "blocked_until": None,
            "spent_by": self._context.message,
        }
        result = self._rows.update_one(
            {"_id": person_id, "$or": conditions},
            {**change, "$set": {**change["$set"], **fresh}},
        )
        return result.matched_count == 1

    def note_failure(self, person_id: str, now: datetime) -> None:
        """Count a wrong code; after five each makes the next ones wait."""
        row: Any = self._rows.find_one_and_update(
            {"_id": person_id}, {"$inc": {"failures": 1}}, return_document=True
        )
        if row is not None and (delay := delay_after(row["failures"])):
            self._rows.update_one(
                {"_id": person_id}, {"$max": {"blocked_until": now + delay}}
            )

    def remove(self, person_id: str) -> bool:
        """Ask for none any more; whether there was one."""
        result = self._rows.delete_one(
            {"_id": person_id}, session=self._context.session
        )
        return result.deleted_count == 1


def _subject(person_id: str) -> str:
    return derive_id(person_id, "second_factor")


def _hashes(codes: Iterable[str]) -> list[str]:
    return [hash_of(spelled_recovery_code(code)) for code in codes]
