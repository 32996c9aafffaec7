"""Counts of made-up interactions, as svc_customer would have counted them.

The service counts what is recorded, one event after another; five million at
once are summed up by the database.
"""

from collections.abc import Iterator
from typing import Any, Final

from bson import Decimal128
from pymongo.database import Database

from chassis.mongo import Document
from chassis.refreshing import note_shape
from svc_customer.domain.interactions import Interaction
from svc_customer.repository.interaction_days import INTERACTION_DAYS
from svc_customer.repository.interactions import INTERACTIONS, InteractionRepository

__all__ = ["CountedInteractions", "roll_up"]

_REFERENCES: Final = {"contacts": "contact_id", "accounts": "account_id"}
_NOTHING: Final = Decimal128("0")


class CountedInteractions(InteractionRepository):
    """Interactions that say what they are counted as."""

    def index_fields(self, entity: Interaction) -> Document:
        """The same, and what it is counted as; amounts are in no base currency."""
        counted = {
            "contact_id": entity.contact_id,
            "account_id": entity.account_id,
            "type": entity.type,
            "occurred_at": entity.occurred_at,
            "amount": _NOTHING,
        }
        return {**super().index_fields(entity), "counted": counted}


def roll_up(database: Database[Document]) -> None:
    """Sum up all interactions by record and day, and by record.

    Doing it twice is the same as doing it once.
    """
    interactions = database[INTERACTIONS.name]
    for resource, reference in _REFERENCES.items():
        for stages in (_days(resource, reference), _totals(resource, reference)):
            interactions.aggregate([*_live(reference), *stages], allowDiskUse=True)
    note_shape(database, INTERACTION_DAYS.name, 1)


def _live(reference: str) -> Iterator[Document]:
    yield {"$match": {reference: {"$ne": None}, "archived_at": None}}


def _days(resource: str, reference: str) -> list[Document]:
    day = {"$dateToString": {"date": "$occurred_at", "format": "%Y-%m-%d"}}
    key: dict[str, Any] = {"org_id": "$org_id", "type": "$type", "day": day}
    key["record_id"] = f"${reference}"
    named = {name: f"$_id.{name}" for name in key}
    parts = [named["record_id"], ":", named["type"], ":", named["day"]]
    return [
        {"$group": {"_id": key, "count": {"$sum": 1}}},
        {
            "$project": {
                **named,
                "_id": {"$concat": parts},
                "resource": {"$literal": resource},
                "count": 1,
                "amount_base": {"$literal": _NOTHING},
                "schema_version": {"$literal": 1},
            }
        },
        {"$merge": {"into": INTERACTION_DAYS.name, "whenMatched": "replace"}},
    ]


def _totals(resource: str, reference: str) -> list[Document]:
    return [
        {
            "$group": {
                "_id": f"${reference}",
                "interaction_count": {"$sum": 1},
                "last_interaction_at": {"$max": "$occurred_at"},
            }
        },
        {"$merge": {"into": resource, "whenNotMatched": "discard"}},
    ]
