"""Opportunities in MongoDB."""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import EARLIEST, Field
from chassis.mongo import Collection, Document, Index, by
from chassis.search_words import search_words
from chassis.searching import SEARCH_INDEX, Searchable
from svc_sales.domain.opportunities import Opportunity, OpportunityStatus

__all__ = ["OPPORTUNITIES", "OpportunityRepository"]

OPPORTUNITIES: Final = Collection(
    "opportunities",
    (
        PENDING_INDEX,
        SEARCH_INDEX,
        by("created_at"),
        by("updated_at"),
        by("owner_id", "created_at"),
        by("acl", "created_at"),
        by("status", "created_at"),
        by("account_id", "created_at"),
        by("contact_id", "created_at"),
        # Open ones of an account or of a person, among many that are closed.
        by("account_id", "status", "created_at"),
        by("owner_id", "status", "created_at"),
        by("lead_id"),
        by("amount.amount_base"),
        by("close_on"),
        Index(
            (("org_id", 1), ("created_at", 1), ("_id", 1), ("archived_at", 1)),
            partial={"archived_at": {"$gte": EARLIEST}},
        ),
    ),
)


class OpportunityRepository(Searchable[Opportunity]):
    """Opportunities of one organization."""

    collection = OPPORTUNITIES
    noun = "opportunity"
    resource = "opportunities"
    entity = Opportunity
    schema_version = 2
    fields: ClassVar[Mapping[str, Field]] = {
        "id": Field("id", "_id"),
        "status": Field(choices=tuple(OpportunityStatus)),
        "owner_id": Field(),
        "account_id": Field("id"),
        "contact_id": Field("id"),
        "lead_id": Field("id"),
        "amount": Field("decimal", "amount.amount_base", is_sortable=True),
        "close_on": Field("date", is_sortable=True),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def restore(self, document: Document) -> Opportunity:
        """Build the opportunity that ``document`` keeps."""
        close_on = document["close_on"] and date.fromisoformat(document["close_on"])
        status = OpportunityStatus(document["status"])
        return super().restore({**document, "close_on": close_on, "status": status})

    def index_fields(self, entity: Opportunity) -> Document:
        """Words to be found by."""
        is_live = entity.archived_at is None
        return {"search_words": search_words((entity.name,)) if is_live else []}
