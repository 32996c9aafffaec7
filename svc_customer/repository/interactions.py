"""Interactions in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.mongo import Collection, Document, by
from chassis.query import Field
from chassis.repository import Repository
from svc_customer.domain.interactions import Interaction
from svc_customer.repository.records import (
    RECORD_FIELDS,
    RECORD_INDEXES,
    external_keys,
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
    ),
)


class InteractionRepository(Repository[Interaction]):
    """The timelines of one organization."""

    collection = INTERACTIONS
    noun = "interaction"
    resource = "interactions"
    entity = Interaction
    fields: ClassVar[Mapping[str, Field]] = {
        **RECORD_FIELDS,
        "occurred_at": Field("datetime", is_sortable=True),
        "contact_id": Field("id"),
        "account_id": Field("id"),
        "type": Field(),
    }

    def index_fields(self, entity: Interaction) -> Document:
        """External ids as keys."""
        return external_keys(entity.external_ids)
