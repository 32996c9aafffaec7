"""Organizations, people, and what membership lets a person do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

__all__ = [
    "ACCESS_TOKEN_LIFE",
    "BUILT_IN_ROLES",
    "REFRESH_TOKEN_LIFE",
    "Membership",
    "Org",
    "Person",
    "RefreshToken",
    "grants_of",
]

Reach = Literal["none", "own", "team", "all"]

ACCESS_TOKEN_LIFE: Final = timedelta(minutes=15)
REFRESH_TOKEN_LIFE: Final = timedelta(days=14)
BUILT_IN_ROLES: Final[Mapping[str, Mapping[str, Reach]]] = {"owner": {"*": "all"}}


@dataclass(frozen=True, kw_only=True)
class Org:
    """A tenant; everything else belongs to exactly one."""

    id: str
    name: str
    currency: str
    time_zone: str
    first_weekday: int
    owner_id: str
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0


@dataclass(frozen=True, kw_only=True)
class Person:
    """A human who logs in; the same person in every organization."""

    id: str
    name: str
    email: str
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Membership:
    """A person in an organization, with roles."""

    person_id: str
    org_id: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    """One link in the chain of a login; spent when it has a successor."""

    person_id: str
    org_id: str
    family_id: str
    expires_at: datetime
    is_spent: bool


def grants_of(roles: tuple[str, ...]) -> dict[str, Reach]:
    """The union of what the roles grant; the farther reach wins."""
    order: tuple[Reach, ...] = ("none", "own", "team", "all")
    grants: dict[str, Reach] = {}
    for role in roles:
        for permission, reach in BUILT_IN_ROLES.get(role, {}).items():
            held = grants.get(permission, "none")
            grants[permission] = max(held, reach, key=order.index)
    return grants
