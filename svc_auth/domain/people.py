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
    "new_service_account",
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
        changed_by: Which operation changed it last.
    """

    id: str
    name: str
    email: str
    password_hash: str
    created_at: datetime
    email_verified: bool = False
    credentials: int = 0
    changed_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Membership(ChangingRecord):
    """A person in an organization, with roles; or a program.

    Attributes:
        person_id: Who; of a program an id that it has as a principal.
        name: What the organization calls the person.
        email: The person's address, kept here to be found by; empty for a
            program.
        kind: ``person`` or ``service_account``.
    """

    person_id: str
    org_id: str
    name: str
    email: str
    roles: tuple[str, ...]
    kind: str = "person"

    @property
    def is_service_account(self) -> bool:
        """Whether nobody logs in as it."""
        return self.kind == "service_account"

    def as_person(self) -> Person:
        """What is told of a service account where people are told of."""
        return Person(
            id=self.person_id,
            name=self.name,
            email="",
            password_hash="",
            created_at=self.created_at,
        )

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


def new_service_account(
    membership_id: str,
    principal_id: str,
    *,
    org_id: str,
    name: str,
    roles: Collection[str],
    now: datetime,
) -> Membership:
    """The membership of a program, as it is first stored."""
    return Membership(
        id=membership_id,
        person_id=principal_id,
        org_id=org_id,
        name=name,
        email="",
        roles=tuple(roles),
        kind="service_account",
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
