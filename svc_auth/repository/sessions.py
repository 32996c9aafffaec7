"""Where sessions and their refresh tokens are kept."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from chassis.context import Context
from chassis.event_log import PENDING_INDEX
from chassis.events import Event
from chassis.fields import Field
from chassis.many import ManyRepository, Untied
from chassis.mongo import Collection, Document, Index, by
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.sessions import RefreshToken, Session

__all__ = [
    "PERSONAL_TOKENS",
    "REFRESH_TOKENS",
    "SESSIONS",
    "PersonalTokenRepository",
    "RefreshTokenRepository",
    "Revocations",
    "SessionRepository",
]

# Of one person in one organization; there may be more than ``MOST_SESSIONS`` from
# before there was such a bound. Each ends by itself after ninety days.
_MOST_LIVE: Final = 10_000
_AT_ONCE: Final = 500

SESSIONS: Final = Collection(
    "sessions",
    (
        PENDING_INDEX,
        by("owner_id", "kind", "revoked_at", covering=("expires_at",)),
        by("client_id"),
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


PERSONAL_TOKENS: Final = Collection(
    "personal_tokens",
    (
        Index((("expires_at", 1),), expires_after_s=0),
        Index((("session_id", 1),)),
    ),
    is_global=True,
)


class SessionRepository(ManyRepository[Session]):
    """Logins to one organization."""

    collection = SESSIONS
    noun = "session"
    resource = "sessions"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity = Session
    # No role gives rights to sessions: people end their own, and those who may
    # change a member end that member's.
    is_narrowed = False

    def note_use(self, session_id: str, now: datetime) -> None:
        """Remember when a session was refreshed; that is no change of it."""
        self._rows.update({"_id": session_id}, {"$max": {"last_used_at": now}})

    def note_hint(self, session_id: str, hint: str | None) -> None:
        """Remember how its token begins now; that is no change of it."""
        self._rows.update({"_id": session_id}, {"$set": {"hint": hint}})

    def live_of(
        self, owner_id: str, kinds: Sequence[str], now: datetime, limit: int
    ) -> list[Session]:
        """The sessions of some kinds that somebody has, the newest first."""
        conditions = {
            "owner_id": owner_id,
            "kind": {"$in": list(kinds)},
            "revoked_at": None,
            "expires_at": {"$gt": now},
        }
        rows = self._rows.find(conditions, [("_id", -1)], limit)
        return [self.restore(row) for row in rows]

    def live_of_client(
        self, client_id: str, now: datetime, limit: int
    ) -> list[Session]:
        """What an application was let do, the newest first."""
        conditions = {
            "client_id": client_id,
            "revoked_at": None,
            "expires_at": {"$gt": now},
        }
        rows = self._rows.find(conditions, [("_id", -1)], limit)
        return [self.restore(row) for row in rows]

    def live_ids_of(self, person_id: str) -> list[str]:
        """A person's sessions of every kind that have not been ended."""
        conditions = {"owner_id": person_id, "revoked_at": None}
        rows = self._rows.find(conditions, [("_id", -1)], _MOST_LIVE, only=("_id",))
        return [row["_id"] for row in rows]

    def ids_beyond(
        self, most: int, owner_id: str, kind: str, now: datetime
    ) -> list[str]:
        """What somebody has of a kind besides so many, those used longest ago."""
        conditions = {
            "owner_id": owner_id,
            "kind": kind,
            "revoked_at": None,
            "expires_at": {"$gt": now},
        }
        if self._rows.find_nth(conditions, [("_id", 1)], most) is None:
            return []
        times = ("created_at", "last_used_at")
        rows = self._rows.find(conditions, [("_id", 1)], 2 * most, only=times)
        rows.sort(key=lambda row: row["last_used_at"] or row["created_at"])
        return [row["_id"] for row in rows[: len(rows) - most]]

    def change_each(
        self,
        session_ids: Sequence[str],
        change: Callable[[Session], Session],
        describe: Callable[[Session, Session], Event],
    ) -> None:
        """As ``change``, some hundred in a message; those that are gone are left."""
        for start in range(0, len(session_ids), _AT_ONCE):
            some = session_ids[start : start + _AT_ONCE]
            self.change_all(some, change, describe, ties=Untied())


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
                "_id": hash_of(token),
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

        Of two who spend the same token at once, one sees ``is_spent``. A request
        that is delivered twice, because its process died, sees what it saw the
        first time.
        """
        known = _known(token)
        document: Any = self._rows.find_one_and_update(
            {**known, "is_spent": False},
            {"$set": {"is_spent": True, "spent_by": self._context.message}},
            return_document=ReturnDocument.BEFORE,
        )
        return self._restore(document or self._rows.find_one(known))

    def find(self, token: str) -> RefreshToken | None:
        """The record of a token, if there is one; it is not spent by that."""
        return self._restore(self._rows.find_one(_known(token)))

    def _restore(self, document: Document | None) -> RefreshToken | None:
        if document is None:
            return None
        return RefreshToken(
            person_id=document["person_id"],
            org_id=document["org_id"],
            session_id=document["session_id"],
            expires_at=document["expires_at"],
            is_spent=document["is_spent"]
            and document.get("spent_by") != self._context.message,
        )


def _known(token: str) -> Document:
    # Those from before there were sessions are not good any more.
    return {"_id": hash_of(token), "session_id": {"$exists": True}}


class PersonalTokenRepository:
    """Which session a personal token stands for, by the token's hash."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[PERSONAL_TOKENS.name]
        self._context = context

    def add(self, token: str, session: Session, org_id: str) -> None:
        """Remember a token that is about to be shown, for the only time."""
        self._rows.insert_one(
            {
                "_id": hash_of(token),
                "schema_version": 1,
                "session_id": session.id,
                "org_id": org_id,
                "expires_at": session.expires_at,
                "last_used_at": None,
            },
            session=self._context.session,
        )

    def forget(self, session_id: str) -> None:
        """Let a session's token be good no more."""
        self._rows.delete_many(
            {"session_id": session_id}, session=self._context.session
        )

    def use(self, token: str, now: datetime) -> tuple[str, str] | None:
        """The organization and session of a token, if there is such a token."""
        row = self._rows.find_one_and_update(
            {"_id": hash_of(token)}, {"$set": {"last_used_at": now}}
        )
        return None if row is None else (row["org_id"], row["session_id"])

    def last_used(self, session_ids: Sequence[str]) -> dict[str, datetime | None]:
        """When each was used last, to some minutes; none if never."""
        rows = self._rows.find({"session_id": {"$in": list(session_ids)}})
        return {row["session_id"]: row["last_used_at"] for row in rows}
