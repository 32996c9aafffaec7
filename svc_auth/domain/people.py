"""People, and where they belong."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from chassis.errors import ConflictError, ForbiddenError
from svc_auth.domain.records import ChangingRecord

__all__ = [
    "OWNER",
    "Membership",
    "Person",
    "check_owner_stays",
    "handed_over",
    "new_membership",
]

# The role that one member has, and only a transfer gives to another.
OWNER = "owner"
# What whoever gives it away has from then on.
ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A human who logs in; the same person in every organization.

    Attributes:
        email_verified: Whether they have shown that they read what is sent there.
        credentials: Counts how often what they log in with has changed.
    """

    id: str
    name: str
    email: str
    password_hash: str
    created_at: datetime
    email_verified: bool = False
    credentials: int = 0


@dataclass(frozen=True, kw_only=True)
class Membership(ChangingRecord):
    """A person in an organization, with roles.

    Attributes:
        name: What the organization calls the person.
        email: The person's address, kept here to be found by.
    """

    person_id: str
    org_id: str
    name: str
    email: str
    roles: tuple[str, ...]

    @property
    def owner_id(self) -> str:
        """Whose own it is: the person's."""
        return self.person_id

    def archived(self, now: datetime) -> Self:
        """The membership of somebody who is no member any more.

        Raises:
            ConflictError: ``owner_is_fixed``.
        """
        check_owner_stays(self.roles, ())
        return super().archived(now)


def new_membership(
    membership_id: str,
    person: Person,
    org_id: str,
    roles: Collection[str],
    now: datetime,
) -> Membership:
    """A membership as it is first stored."""
    return Membership(
        id=membership_id,
        person_id=person.id,
        org_id=org_id,
        name=person.name,
        email=person.email,
        roles=tuple(roles),
        created_at=now,
        updated_at=now,
    )


def handed_over(
    former: Membership, successor: Membership, now: datetime
) -> tuple[Membership, Membership]:
    """The owner's membership as that of an administrator, and the new owner's.

    Raises:
        ForbiddenError: ``owner_only``: the former is not the owner.
    """
    if OWNER not in former.roles:
        raise ForbiddenError("owner_only", "Only the owner may do this.")
    return (
        former.changed({"roles": (ADMIN,)}, now),
        successor.changed({"roles": (OWNER,)}, now),
    )


def check_owner_stays(before: Collection[str], after: Collection[str]) -> None:
    """Refuse to change the owner's roles, or to make another owner.

    Raises:
        ConflictError: ``owner_is_fixed``.
    """
    if OWNER in before or OWNER in after:
        raise ConflictError(
            "owner_is_fixed",
            "An organization has one owner, and only they can give it away.",
        )
