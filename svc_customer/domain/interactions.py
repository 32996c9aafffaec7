"""What happened with a customer: one entry of the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chassis.money import Money

__all__ = ["INTERACTION_TYPES", "Interaction", "new_interaction"]

INTERACTION_TYPES: Final = (
    "call",
    "email",
    "meeting",
    "note",
    "task",
    "purchase",
    "visit",
    "ticket",
    "system",
)


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """One thing that happened with a contact, an account or both."""

    id: str
    type: str
    occurred_at: datetime
    contact_id: str | None = None
    account_id: str | None = None
    direction: str | None = None
    subject: str | None = None
    body: str | None = None
    amount: Money | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0


def new_interaction(
    interaction_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Interaction:
    """An interaction as it is recorded; it happened now unless said otherwise."""
    return Interaction(
        id=interaction_id,
        owner_id=owner_id,
        created_at=now,
        updated_at=now,
        **{"occurred_at": now, **data},
    )
