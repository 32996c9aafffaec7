"""Leads in MongoDB."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.event_log import PENDING_INDEX
from chassis.fields import EARLIEST, Field
from chassis.mailboxes import address_key
from chassis.money import Money
from chassis.mongo import Collection, Document, Index, by
from chassis.search_words import search_words
from chassis.searching import SEARCH_INDEX, Searchable
from svc_sales.domain.leads import RATINGS, Conversion, Lead, LeadStatus

__all__ = ["LEADS", "LeadRepository", "StuckConversions"]

LEADS: Final = Collection(
    "leads",
    (
        PENDING_INDEX,
        SEARCH_INDEX,
        by("grams", "created_at"),
        Index(
            (("org_id", 1), ("created_at", 1), ("_id", 1), ("archived_at", 1)),
            partial={"archived_at": {"$gte": EARLIEST}},
        ),
        *(
            by(*fields, covering=("is_live", "status", "owner_id", "source"))
            for fields in (
                ("created_at",),
                ("updated_at",),
                ("acl", "created_at"),
                ("owner_id", "created_at"),
                ("owner_id", "status", "created_at"),
                ("status", "created_at"),
                ("source", "created_at"),
                ("rating", "created_at"),
                ("folded.last_name",),
                ("folded.company",),
            )
        ),
        by("email_key"),
        Index(
            (("status", 1), ("updated_at", 1)),
            partial={"status": LeadStatus.CONVERTING.value},
        ),
    ),
)


class LeadRepository(Searchable[Lead]):
    """Leads of one organization."""

    collection = LEADS
    noun = "lead"
    resource = "leads"
    entity = Lead
    live: ClassVar[Mapping[str, Any]] = {"is_live": True}
    schema_version = 3
    fields: ClassVar[Mapping[str, Field]] = {
        "id": Field("id", "_id"),
        "status": Field(choices=tuple(LeadStatus)),
        "owner_id": Field(),
        "last_name": Field("text", is_sortable=True),
        "company": Field("text", is_sortable=True),
        "source": Field(),
        "rating": Field(choices=RATINGS),
        "email": Field("email", "email_key"),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def restore(self, document: Document) -> Lead:
        """Build the lead that ``document`` keeps."""
        conversion = document["conversion"] and _conversion(document["conversion"])
        status = LeadStatus(document["status"])
        return super().restore({**document, "conversion": conversion, "status": status})

    def index_fields(self, entity: Lead) -> Document:
        """The address in one spelling, and words to be found by."""
        words = search_words(
            (entity.first_name, entity.last_name, entity.company),
            (entity.email,),
            (entity.phone,),
        )
        return {
            "email_key": entity.email and address_key(entity.email),
            "search_words": words if entity.archived_at is None else [],
        }


def _conversion(stored: Mapping[str, Any]) -> Conversion:
    amount, close_on = stored["amount"], stored["close_on"]
    return Conversion(
        **{
            **stored,
            "amount": amount
            and Money(amount["amount"].to_decimal(), amount["currency"]),
            "close_on": close_on and date.fromisoformat(close_on),
        }
    )


class StuckConversions:
    """Conversions that a crash left half-way, in every organization."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[LEADS.name]

    def find(self, since: datetime, limit: int) -> list[tuple[str, str]]:
        """Organization and id of leads converting since before ``since``."""
        rows = self._rows.find(
            {"status": LeadStatus.CONVERTING.value, "updated_at": {"$lt": since}},
            {"org_id": 1},
            sort=[("updated_at", 1)],
            limit=limit,
        )
        return [(row["org_id"], row["_id"]) for row in rows]
