"""People, and where they belong."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Membership", "Person"]


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
