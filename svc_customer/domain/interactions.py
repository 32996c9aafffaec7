"""What happened with a customer: one entry of the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chassis.errors import InvalidInputError
from chassis.money import Money
from svc_customer.domain.records import OwnedRecord

__all__ = [
    "DIRECTIONS",
    "INTERACTION_TYPES",
    "Interaction",
    "change_interaction",
    "new_interaction",
]

DIRECTIONS: Final = ("inbound", "outbound")

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
class Interaction(OwnedRecord):
    """One thing that happened with a contact, an account or both."""

    type: str
    occurred_at: datetime
    contact_id: str | None = None
    account_id: str | None = None
    direction: str | None = None
    subject: str | None = None
    body: str | None = None
    amount: Money | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


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


def change_interaction(
    interaction: Interaction, patch: Mapping[str, Any], now: datetime
) -> Interaction:
    """The interaction with ``patch`` applied.

    Raises:
        InvalidInputError: ``interaction_unidentified``: neither a contact nor
            an account would be left.
    """
    changed = interaction.changed(patch, now)
    if not (changed.contact_id or changed.account_id):
        raise InvalidInputError(
            "interaction_unidentified", "An interaction needs a contact or an account."
        )
    return changed
