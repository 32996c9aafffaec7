"""Interactions in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.mongo import Collection, Document, by
from chassis.repository import Repository
from svc_customer.domain.interactions import DIRECTIONS, INTERACTION_TYPES, Interaction
from svc_customer.repository.records import (
    RECORD_FIELDS,
    RECORD_INDEXES,
    stored_keys,
)

__all__ = ["INTERACTIONS", "InteractionRepository"]

INTERACTIONS: Final = Collection(
    "interactions",
    (
        *RECORD_INDEXES,
        by("occurred_at"),
        by("contact_id", "occurred_at"),
        by("account_id", "occurred_at"),
        by("type", "occurred_at"),
        by("direction", "occurred_at"),
        by("folded.subject"),
    ),
)


class InteractionRepository(Repository[Interaction]):
    """The timelines of one organization."""

    collection = INTERACTIONS
    noun = "interaction"
    resource = "interactions"
    entity = Interaction
    schema_version = 2
    sparse_keys = frozenset({"external_keys"})
    fields: ClassVar[Mapping[str, Field]] = {
        **RECORD_FIELDS,
        "occurred_at": Field("datetime", is_sortable=True),
        "contact_id": Field("id"),
        "account_id": Field("id"),
        "type": Field(choices=INTERACTION_TYPES),
        "direction": Field(choices=DIRECTIONS),
        "subject": Field("text"),
    }

    def index_fields(self, entity: Interaction) -> Document:
        """External ids as keys."""
        return stored_keys(entity.external_ids)
