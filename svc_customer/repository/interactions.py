"""Interactions in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.many import ManyRepository
from chassis.mongo import Collection, Document, by
from svc_customer.domain.interactions import DIRECTIONS, INTERACTION_TYPES, Interaction
from svc_customer.repository.records import (
    LIVE,
    RECORD_FIELDS,
    RECORD_INDEXES,
    stored_keys,
)

__all__ = ["INTERACTIONS", "InteractionRepository"]

INTERACTIONS: Final = Collection(
    "interactions",
    (
        *RECORD_INDEXES,
        *(
            by(*fields, covering=("is_live", "type", "owner_id"))
            for fields in (
                ("created_at",),
                ("updated_at",),
                ("occurred_at",),
                ("acl", "created_at"),
                ("owner_id", "created_at"),
                ("contact_id", "occurred_at"),
                ("account_id", "occurred_at"),
                ("type", "occurred_at"),
                ("direction", "occurred_at"),
                ("folded.subject",),
            )
        ),
    ),
)


class InteractionRepository(ManyRepository[Interaction]):
    """The timelines of one organization."""

    collection = INTERACTIONS
    noun = "interaction"
    resource = "interactions"
    entity = Interaction
    schema_version = 3
    live = LIVE
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
