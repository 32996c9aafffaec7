"""Where invitations are kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Document, by
from chassis.repository import Repository
from svc_auth.domain.invitations import Invitation

__all__ = ["INVITATIONS", "InvitationRepository"]

_MOST: Final = 1_000

INVITATIONS: Final = Collection(
    "invitations",
    (
        PENDING_INDEX,
        by("email_key", "created_at"),
        by("grams", "created_at"),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
        by("accepted_at"),
    ),
)


class InvitationRepository(Repository[Invitation]):
    """Invitations to one organization."""

    collection = INVITATIONS
    noun = "invitation"
    resource = "invitations"
    entity = Invitation
    fields: ClassVar[Mapping[str, Field]] = {
        "email": Field("email", "email_key"),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "accepted_at": Field("datetime"),
        "archived_at": Field("datetime"),
    }

    def permission(self, action: str) -> str:
        """Whoever may see and change members may do so with invited ones."""
        return f"users:{action}"

    def index_fields(self, entity: Invitation) -> Document:
        """The address in one spelling."""
        return {"email_key": entity.email.casefold()}

    def is_full(self, now: datetime) -> bool:
        """Whether there are as many open ones as an organization may have."""
        return self._rows.count(_open(now), _MOST) >= _MOST

    def has_open(self, email: str, now: datetime) -> bool:
        """Whether somebody with that address is invited already."""
        conditions = {"email_key": email.casefold(), **_open(now)}
        return self._rows.count(conditions, 1) > 0


def _open(now: datetime) -> Document:
    return {"archived_at": None, "accepted_at": None, "expires_at": {"$gt": now}}
