"""Invitations: somebody is asked to become a member of an organization."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from chassis.errors import ConflictError
from svc_auth.domain.records import ChangingRecord

__all__ = ["INVITATION_LIFE", "Invitation", "new_invitation"]

INVITATION_LIFE: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Invitation(ChangingRecord):
    """Somebody who may become a member; archived, it was taken back.

    Attributes:
        owner_id: Who invites. It is void once they have left, or may not give
            its roles any more.
        person_id: Who has accepted it.
    """

    email: str
    name: str | None = None
    roles: tuple[str, ...]
    owner_id: str
    expires_at: datetime
    accepted_at: datetime | None = None
    person_id: str | None = None

    def status(
        self, now: datetime
    ) -> Literal["pending", "accepted", "revoked", "expired"]:
        """What has become of it."""
        if self.accepted_at is not None:
            return "accepted"
        if self.archived_at is not None:
            return "revoked"
        return "pending" if now < self.expires_at else "expired"

    def accepted(self, person_id: str, now: datetime) -> "Invitation":
        """The invitation, followed.

        Raises:
            ConflictError: ``invitation_is_over``.
        """
        self._check_pending(now)
        return replace(self, accepted_at=now, person_id=person_id, updated_at=now)

    def prolonged(self, by: str, now: datetime) -> "Invitation":
        """The invitation, good for as long as a new one, and by whom it is now.

        Raises:
            ConflictError: ``invitation_is_over``: accepted or taken back.
        """
        if self.status(now) != "expired":
            self._check_pending(now)
        return self.changed({"expires_at": now + INVITATION_LIFE, "owner_id": by}, now)

    def archived(self, now: datetime) -> "Invitation":
        """The invitation, taken back.

        Raises:
            ConflictError: ``invitation_is_over``: it was accepted.
        """
        if self.accepted_at is not None:
            raise _over()
        return super().archived(now)

    def _check_pending(self, now: datetime) -> None:
        if self.status(now) != "pending":
            raise _over()


def new_invitation(
    invitation_id: str,
    *,
    email: str,
    name: str | None,
    roles: Sequence[str],
    owner_id: str,
    now: datetime,
) -> Invitation:
    """An invitation as it is first stored."""
    return Invitation(
        id=invitation_id,
        email=email,
        name=name,
        roles=tuple(roles),
        owner_id=owner_id,
        created_at=now,
        updated_at=now,
        expires_at=now + INVITATION_LIFE,
    )


def _over() -> ConflictError:
    return ConflictError("invitation_is_over", "This invitation is over.")
