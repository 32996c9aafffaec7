"""Where authorization codes and sign-ins of browsers are kept, by their hashes."""

from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from chassis.context import Context
from chassis.mongo import Collection, Document, Index
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.oauth import (
    REMEMBERED_CODE_LIFE,
    AuthorizationCode,
    BrowserLogin,
)

__all__ = [
    "AUTHORIZATION_CODES",
    "BROWSER_LOGINS",
    "AuthorizationCodeRepository",
    "BrowserLoginRepository",
]

AUTHORIZATION_CODES: Final = Collection(
    "authorization_codes",
    (Index((("forgotten_at", 1),), expires_after_s=0),),
    is_global=True,
)
BROWSER_LOGINS: Final = Collection(
    "browser_logins",
    (Index((("expires_at", 1),), expires_after_s=0),),
    is_global=True,
)


class AuthorizationCodeRepository:
    """Codes by hash; the codes themselves are nowhere."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[AUTHORIZATION_CODES.name]
        self._context = context

    def add(self, code: str, record: AuthorizationCode) -> None:
        """Remember a code that is about to be handed out."""
        values = vars(record)
        self._rows.insert_one(
            {
                "_id": hash_of(code),
                "schema_version": 1,
                "forgotten_at": record.expires_at + REMEMBERED_CODE_LIFE,
                **values,
            }
        )

    def spend(self, code: str) -> AuthorizationCode | None:
        """Count a use of a code; the record as it was before, if there is one.

        A request that is delivered twice, because its process died, is one use.
        """
        own = self._context.message
        is_other = {"$cond": [{"$eq": ["$spent_by", own]}, 0, 1]}
        document: Any = self._rows.find_one_and_update(
            {"_id": hash_of(code)},
            [
                {
                    "$set": {
                        "uses": {"$add": ["$uses", is_other]},
                        "spent_by": {"$ifNull": ["$spent_by", own]},
                    }
                }
            ],
            return_document=ReturnDocument.BEFORE,
        )
        if document is None:
            return None
        if document.get("spent_by") == own:
            document["uses"] -= 1
        return AuthorizationCode(**_values(AuthorizationCode, document))

    def uses(self, code: str) -> int:
        """How often it has been presented."""
        row = self._rows.find_one({"_id": hash_of(code)}, {"uses": 1})
        return 0 if row is None else int(row["uses"])


class BrowserLoginRepository:
    """Sign-ins by the hash of what the browser's cookie holds."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[BROWSER_LOGINS.name]

    def add(self, cookie: str, record: BrowserLogin) -> None:
        """Remember a sign-in whose cookie is about to be set."""
        self._rows.insert_one(
            {"_id": hash_of(cookie), "schema_version": 1} | vars(record)
        )

    def find(self, cookie: str) -> BrowserLogin | None:
        """The sign-in that a cookie stands for, if any."""
        row = self._rows.find_one({"_id": hash_of(cookie)})
        return None if row is None else BrowserLogin(**_values(BrowserLogin, row))


def _values(kind: type[Any], row: Document) -> dict[str, Any]:
    """The fields that a row has; those from before the latest are left out."""
    values = {name: row[name] for name in kind.__dataclass_fields__ if name in row}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }
