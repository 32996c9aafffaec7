"""Interactions in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.many import ManyRepository
from chassis.mongo import Collection, Document, by
from svc_customer.domain.interactions import (
    DIRECTIONS,
    INTERACTION_TYPES,
    Attachment,
    Interaction,
)
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
                ("thread_id", "occurred_at"),
                ("type", "occurred_at"),
                ("direction", "occurred_at"),
                ("amount.amount_base",),
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
    schema_version = 4
    live = LIVE
    sparse_keys = frozenset({"external_keys"})
    fields: ClassVar[Mapping[str, Field]] = {
        **RECORD_FIELDS,
        "occurred_at": Field("datetime", is_sortable=True),
        "contact_id": Field("id"),
        "account_id": Field("id"),
        "thread_id": Field("id"),
        "type": Field(choices=INTERACTION_TYPES),
        "direction": Field(choices=DIRECTIONS),
        "subject": Field("text"),
        "amount": Field("decimal", "amount.amount_base", is_sortable=True),
    }

    def restore(self, document: Document) -> Interaction:
        """Build the interaction that ``document`` keeps."""
        attached = document.get("attachments", ())
        parts = {
            "attachments": tuple(Attachment(**each) for each in attached),
            # Those from before there were threads began one each.
            "thread_id": document.get("thread_id") or document["_id"],
        }
        return super().restore({**document, **parts})

    def index_fields(self, entity: Interaction) -> Document:
        """External ids as keys, and the thread."""
        thread_id = entity.thread_id or entity.id
        return {**stored_keys(entity.external_ids), "thread_id": thread_id}
