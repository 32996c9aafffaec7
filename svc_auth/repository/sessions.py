"""Where sessions and their refresh tokens are kept."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from chassis.context import Context
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index
from chassis.outbox import PENDING_INDEX
from chassis.repository import Repository
from svc_auth.domain.sessions import RefreshToken, Session

__all__ = [
    "REFRESH_TOKENS",
    "SESSIONS",
    "RefreshTokenRepository",
    "Revocations",
    "SessionRepository",
]

SESSIONS: Final = Collection(
    "sessions",
    (
        PENDING_INDEX,
        Index((("expires_at", 1),), expires_after_s=0),
        Index(
            (("revoked_at", 1), ("_id", 1)),
            partial={"revoked_at": {"$type": "date"}},
        ),
    ),
)
REFRESH_TOKENS: Final = Collection(
    "refresh_tokens",
    (
        Index((("expires_at", 1),), expires_after_s=0),
        Index((("session_id", 1),)),
    ),
    is_global=True,
)


class SessionRepository(Repository[Session]):
    """Logins to one organization."""

    collection = SESSIONS
    noun = "session"
    resource = "sessions"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity = Session


class Revocations:
    """Revoked sessions of all organizations, in the order of time."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[SESSIONS.name]

    def page(
        self, earliest: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str]]:
        """When which sessions were revoked, not before ``earliest``.

        Args:
            earliest: The first that may be.
            after: Where the page before ended.
            limit: At most so many.
        """
        conditions: Document = {"revoked_at": {"$gte": earliest}}
        if after is not None:
            moment, session_id = after
            conditions = {
                "revoked_at": {"$gte": max(earliest, moment)},
                "$or": [
                    {"revoked_at": {"$gt": moment}},
                    {"_id": {"$gt": session_id}},
                ],
            }
        rows = self._rows.find(
            conditions,
            {"revoked_at": 1},
            sort=[("revoked_at", 1), ("_id", 1)],
            limit=limit,
        )
        return [(row["revoked_at"], row["_id"]) for row in rows]


class RefreshTokenRepository:
    """Refresh tokens by hash; the tokens themselves are nowhere."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[REFRESH_TOKENS.name]
        self._context = context

    def add(self, token: str, record: RefreshToken) -> None:
        """Remember a token that is about to be handed out."""
        self._rows.insert_one(
            {
                "_id": _hash(token),
                "schema_version": 2,
                "person_id": record.person_id,
                "org_id": record.org_id,
                "session_id": record.session_id,
                "expires_at": record.expires_at,
                "is_spent": record.is_spent,
            },
            session=self._context.session,
        )

    def spend(self, token: str) -> RefreshToken | None:
        """Mark a token as used; the record as it was before, if there is one.

        Of two who spend the same token at once, one sees ``is_spent``.
        """
        document: Any = self._rows.find_one_and_update(
            # Those from before there were sessions are not good any more.
            {"_id": _hash(token), "session_id": {"$exists": True}},
            {"$set": {"is_spent": True}},
            return_document=ReturnDocument.BEFORE,
        )
        if document is None:
            return None
        return RefreshToken(
            person_id=document["person_id"],
            org_id=document["org_id"],
            session_id=document["session_id"],
            expires_at=document["expires_at"],
            is_spent=document["is_spent"],
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
