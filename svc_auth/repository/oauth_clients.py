"""Where applications are kept, and what is known of attempts to be one."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from chassis.rows import TenantRows
from svc_auth.domain.oauth import OAuthClient

__all__ = [
    "CLIENT_FAILURES",
    "OAUTH_CLIENTS",
    "ClientDirectory",
    "ClientFailures",
    "OAuthClientRepository",
]

_MOST: Final = 200
_WINDOW_S: Final = 60

OAUTH_CLIENTS: Final = Collection(
    "oauth_clients",
    (PENDING_INDEX, by("created_at"), by("updated_at"), by("archived_at")),
)
CLIENT_FAILURES: Final = Collection(
    "client_failures", (Index((("expires_at", 1),), expires_after_s=0),)
)


class OAuthClientRepository(Repository[OAuthClient]):
    """Applications of one organization."""

    collection = OAUTH_CLIENTS
    noun = "oauth_client"
    resource = "oauth-clients"
    entity = OAuthClient
    fields: ClassVar[Mapping[str, Field]] = {
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def is_full(self) -> bool:
        """Whether there are as many as an organization may have."""
        return self._rows.count({"archived_at": None}, _MOST) >= _MOST


class ClientDirectory:
    """Whose each application is, of all organizations."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[OAUTH_CLIENTS.name]

    def org_of(self, client_id: str) -> str | None:
        """The organization that knows a live application of this id."""
        row = self._rows.find_one(
            {"_id": client_id, "archived_at": None}, {"org_id": 1}
        )
        return None if row is None else row["org_id"]


class ClientFailures:
    """How often somebody failed to prove to be an application, in this minute.

    Counted by application and place, so that nobody can lock it out from
    elsewhere.
    """

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = TenantRows(database[CLIENT_FAILURES.name], context)

    def count(self, client_id: str, place: str, now: datetime) -> int:
        """How many failures there were."""
        row = self._rows.find_one({"_id": _key(client_id, place, now)})
        return 0 if row is None else int(row["failures"])

    def note(self, client_id: str, place: str, now: datetime) -> None:
        """Count one more."""
        self._rows.upsert(
            {"_id": _key(client_id, place, now)},
            {
                "$inc": {"failures": 1},
                "$setOnInsert": {
                    "schema_version": 1,
                    "expires_at": now + timedelta(seconds=_WINDOW_S),
                },
            },
        )


def _key(client_id: str, place: str, now: datetime) -> str:
    window = int(now.timestamp()) // _WINDOW_S
    return hashlib.sha256(f"{client_id} {place} {window}".encode()).hexdigest()
