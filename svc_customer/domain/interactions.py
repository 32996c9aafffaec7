"""What happened with a customer: one entry of the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chassis.errors import invalid_input
from chassis.money import Money
from svc_customer.domain.records import OwnedRecord

__all__ = [
    "DIRECTIONS",
    "INTERACTION_TYPES",
    "Attachment",
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
class Attachment:
    """What is told of a file that is kept elsewhere."""

    name: str
    content_type: str
    size_bytes: int
    url: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Interaction(OwnedRecord):
    """One thing that happened with a contact, an account or both.

    Attributes:
        thread_id: The interaction that began its thread, which may be itself.
        in_reply_to: The interaction that it answers.
        mentions: Members of the organization.
    """

    type: str
    occurred_at: datetime
    contact_id: str | None = None
    account_id: str | None = None
    direction: str | None = None
    subject: str | None = None
    body: str | None = None
    amount: Money | None = None
    duration_s: int | None = None
    thread_id: str | None = None
    in_reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    mentions: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def new_interaction(
    interaction_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Interaction:
    """An interaction as it is recorded.

    Unless said otherwise it happened now, and begins a thread.
    """
    return Interaction(
        id=interaction_id,
        owner_id=owner_id,
        created_at=now,
        updated_at=now,
        **{"occurred_at": now, "thread_id": interaction_id, **data},
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
        names = ("contact_id", "account_id")
        raise invalid_input(
            [{"field": name, "code": "interaction_unidentified"} for name in names],
            "interaction_unidentified",
            "An interaction needs a contact or an account.",
        )
    return changed
