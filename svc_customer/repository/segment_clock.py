"""Whom time has an effect on: who leaves a window, or whose date has come.

Windows and relative dates are made of days. When one begins, only those records
have to be looked at that have something on a day which is in no longer, or is in
from now on; an index leads to them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pymongo.database import Database

from chassis.context import Context
from chassis.fields import Clock, Field
from chassis.mongo import Document
from chassis.rows import TenantRows
from svc_customer.domain.definitions import Happened, Property
from svc_customer.repository.interaction_days import BY_DAY, BY_TYPE, INTERACTION_DAYS
from svc_customer.repository.memberships import READERS
from svc_customer.repository.records import LIVE
from svc_customer.repository.segment_conditions import field_condition

__all__ = ["SegmentClock", "is_timely", "next_turn"]

# Two moments that have no relative date in common.
_ONE_DAY: Final = datetime(2001, 1, 1, 12, tzinfo=UTC)
_ANOTHER: Final = datetime(2031, 6, 11, 12, tzinfo=UTC)


def is_timely(
    leaf: Property | Happened, fields: Mapping[str, Field], zone: ZoneInfo
) -> bool:
    """Whether a condition can come to hold of a record that nothing happens to."""
    if isinstance(leaf, Happened):
        return leaf.is_moving
    asked = [
        field_condition(leaf, fields, Clock(now, zone)) for now in (_ONE_DAY, _ANOTHER)
    ]
    return asked[0] != asked[1]


def next_turn(clock: Clock) -> datetime:
    """When another day begins next: for windows (UTC), or for relative dates."""
    beginnings = []
    for zone in (ZoneInfo("UTC"), clock.zone):
        tomorrow = clock.now.astimezone(zone).date() + timedelta(days=1)
        beginning = datetime.combine(tomorrow, datetime.min.time(), zone)
        beginnings.append(beginning.astimezone(UTC))
    return min(beginnings)


class SegmentClock:
    """Finds the records of one organization that time has an effect on."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._days = TenantRows(database[INTERACTION_DAYS.name], context)
        self._records = {
            resource: TenantRows(database[resource], context) for resource in READERS
        }

    def affected(
        self,
        resource: str,
        leaf: Property | Happened,
        fields: Mapping[str, Field],
        span: tuple[Clock, Clock],
        *,
        after: str,
        limit: int,
    ) -> list[str]:
        """Records of which a condition may hold at one time and not at the other.

        Args:
            resource: Whose.
            leaf: The condition.
            fields: Those of the records' list.
            span: From when to when.
            after: Only those with a higher id.
            limit: How many at most.

        Returns:
            Their ids, in order.
        """
        if isinstance(leaf, Happened):
            return self._by_days(resource, leaf, span, after, limit)
        was, is_now = (field_condition(leaf, fields, clock) for clock in span)
        if was == is_now:
            return []
        either = [
            {"$and": [was, {"$nor": [is_now]}]},
            {"$and": [is_now, {"$nor": [was]}]},
        ]
        rows = self._records[resource].find(
            {**LIVE, "_id": {"$gt": after}, "$or": either},
            [("_id", 1)],
            limit,
            only=("_id",),
        )
        return [row["_id"] for row in rows]

    def _by_days(
        self,
        resource: str,
        leaf: Happened,
        span: Sequence[Clock],
        after: str,
        limit: int,
    ) -> list[str]:
        was, is_now = (
            leaf.day_range(clock.now.astimezone(UTC).date()) for clock in span
        )
        conditions: Document = {
            "resource": resource,
            "record_id": {"$gt": after},
            "$or": [
                {"day": {"$gte": was["$gte"], "$lt": is_now["$gte"]}},
                {"day": {"$gt": was["$lte"], "$lte": is_now["$lte"]}},
            ],
        }
        if leaf.type is not None:
            conditions["type"] = leaf.type
        rows = self._days.aggregate(
            [
                {"$match": conditions},
                {"$group": {"_id": "$record_id"}},
                {"$sort": {"_id": 1}},
                {"$limit": limit},
            ],
            (BY_DAY if leaf.type is None else BY_TYPE).keys,
        )
        return [row["_id"] for row in rows]
