"""Brings along what earlier versions did not keep."""

from collections.abc import Callable
from typing import Final

from pymongo.database import Database

from chassis.context import operator_context
from chassis.mongo import Document
from svc_customer.repository.interaction_days import INTERACTION_DAYS, InteractionDays
from svc_customer.repository.interactions import INTERACTIONS

__all__ = ["count_interactions", "interactions_become_counted"]

_BATCH: Final = 500
# Which shape all rows of a collection have at least (``chassis.refreshing``).
_SHAPES: Final = "shapes"
# Counting is the same for all organizations.
_ANY_ORG: Final = "nobody"


def interactions_become_counted(database: Database[Document]) -> None:
    """Count the interactions from before there were counts; done, it is one look."""
    done = {"_id": INTERACTION_DAYS.name}
    if database[_SHAPES].find_one(done) is None:
        count_interactions(database, lambda _: None)
        database[_SHAPES].update_one(done, {"$set": {"schema_version": 1}}, upsert=True)


def count_interactions(database: Database[Document], say: Callable[[int], None]) -> int:
    """Count all that are not counted as what they are, while others are recorded.

    Cut short, or run twice at once, it counts each of them once.

    Args:
        database: The service's own.
        say: Hears how many were looked at, now and then.

    Returns:
        How many interactions there are.
    """
    days = InteractionDays(database, operator_context(_ANY_ORG))
    rows, looked_at, last = database[INTERACTIONS.name], 0, ""
    while True:
        behind = {"_id": {"$gt": last}}
        batch = list(rows.find(behind, {"_id": 1}, sort=[("_id", 1)], limit=_BATCH))
        if not batch:
            return looked_at
        days.count(row["_id"] for row in batch)
        last = batch[-1]["_id"]
        looked_at += len(batch)
        say(looked_at)
