"""Brings along what earlier versions did not keep."""

from collections.abc import Callable
from typing import Final

from pymongo.database import Database

from chassis.context import operator_context
from chassis.mongo import Document
from chassis.refreshing import known_shape, note_shape
from svc_customer.repository.interaction_days import INTERACTION_DAYS, InteractionDays
from svc_customer.repository.interactions import INTERACTIONS

__all__ = ["count_interactions", "interactions_become_counted"]

_BATCH: Final = 500
# Counting is the same for all organizations.
_ANY_ORG: Final = "nobody"


def interactions_become_counted(database: Database[Document]) -> None:
    """Count the interactions from before there were counts; done, it is one look."""
    if known_shape(database, INTERACTION_DAYS.name) is None:
        count_interactions(database, lambda _: None)
        note_shape(database, INTERACTION_DAYS.name, 1)


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
