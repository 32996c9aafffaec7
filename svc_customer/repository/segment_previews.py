"""What a definition finds, before it is a segment: quickly, or not to the end.

Conditions on fields are counted by their index. Of conditions on what happened
the one that leads to the fewest records is summed up from its index of days, and
the records are looked at some thousand at a time until time is up.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pymongo
from bson import Decimal128
from pymongo.database import Database
from pymongo.errors import PyMongoError

from chassis.context import Context
from chassis.fields import EARLIEST
from chassis.mongo import Document
from chassis.rows import TenantRows
from svc_customer.domain.definitions import Group, Happened, Node, Not, leaves
from svc_customer.repository.interaction_days import BY_DAY, BY_TYPE, INTERACTION_DAYS
from svc_customer.repository.memberships import READERS, Memberships
from svc_customer.repository.segment_conditions import (
    SUMMED,
    Compiler,
    DaySums,
    day_range,
)

__all__ = ["Preview", "SegmentPreviews"]

_TIME_S: Final = 1.6
_TO_SUM_UP_S: Final = 1.0
_SAMPLE: Final = 10
_AT_ONCE: Final = 4_000
_MOST_SUMMED: Final = 200_000
_MOST_ARCHIVED: Final = 2_000
_EVERYBODY: Final = 2**31 - 2
_COMPARED: Final = {"eq": "$eq", "gte": "$gte", "lte": "$lte"}


@dataclass(frozen=True)
class Preview:
    """What a definition finds.

    Attributes:
        count: How many records, or so many at least.
        is_capped: Whether there may be more.
        sample: Some of them.
    """

    count: int
    is_capped: bool
    sample: Sequence[Any]


class SegmentPreviews:
    """Finds the records of one organization that fit a definition."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._database = database
        self._days = TenantRows(database[INTERACTION_DAYS.name], context)

    def preview(self, resource: str, node: Node, compiler: Compiler) -> Preview:
        """The records that fit and that the caller may read, in under two seconds.

        Args:
            resource: ``accounts`` or ``contacts``.
            node: An expanded definition.
            compiler: Makes its conditions; what happened is looked up here.
        """
        look = _Look(self._database, self._context, resource, compiler)
        if not any(isinstance(leaf, Happened) for leaf in leaves(node)):
            return look.by_fields(compiler.condition(node))
        return look.by_days(node)


class _Look:
    """One look at an organization's records."""

    def __init__(
        self,
        database: Database[Document],
        context: Context,
        resource: str,
        compiler: Compiler,
    ) -> None:
        self._resource = resource
        self._reader = READERS[resource](database, context)
        self._records = TenantRows(database[resource], context)
        self._days = TenantRows(database[INTERACTION_DAYS.name], context)
        self._memberships = Memberships(database, context)
        self._compiler = compiler
        self._today = context.now().astimezone(UTC).date()
        self._give_up_at = time.monotonic() + _TIME_S

    def by_fields(self, asked: Document) -> Preview:
        conditions = {"$and": [self._reader.readable(), asked]}
        sample = self._in_time(partial(self._sample, conditions)) or []
        count = self._in_time(partial(self._records.count, conditions, _EVERYBODY))
        if count is None:
            return Preview(len(sample), is_capped=True, sample=sample)
        return Preview(count, is_capped=False, sample=sample)

    def by_days(self, node: Node) -> Preview:
        ids = self._led(node)
        exact = None if ids is not None else self._all_in_all(node)
        found, is_whole, sample = 0, True, list[Any]()
        for part in self._parts(ids):
            fitting = self._in_time(partial(self._fitting, node, part))
            if fitting is None:
                is_whole = False
                break
            found += len(fitting)
            if len(sample) < _SAMPLE and fitting:
                wanted = fitting[: _SAMPLE - len(sample)]
                sample += self._sample({"_id": {"$in": wanted}})
            if exact is not None and len(sample) == _SAMPLE:
                break
        if exact is not None:
            return Preview(exact, is_capped=False, sample=sample)
        return Preview(found, is_capped=not is_whole, sample=sample)

    def _fitting(self, node: Node, ids: list[str]) -> list[str]:
        """Which of some records fit."""
        sums = DaySums(self._days, ids, self._today)
        condition = replace(self._compiler, holding=sums.holding).condition(node)
        asked = {
            **self._reader.readable(),
            "_id": {"$in": ids},
            "$and": [condition],
        }
        rows = self._records.find(
            asked, [], _AT_ONCE, only=("_id",), keys=(("_id", 1),)
        )
        return [row["_id"] for row in rows]

    def _parts(self, ids: list[str] | None) -> Iterator[list[str]]:
        """Records to look at: those that a condition led to, or all there are."""
        if ids is not None:
            yield from (
                ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE)
            )
            return
        after: list[Any] | None = None
        while True:
            part, after = self._memberships.walk(self._resource, after, _AT_ONCE)
            yield part
            if after is None:
                return

    def _led(self, node: Node) -> list[str] | None:
        """The records to which a condition on what happened leads, unless many."""
        for leaf in _needed(node):
            if isinstance(leaf, Happened) and not leaf.holds_of_nothing:
                stages = [*self._holding(leaf), {"$limit": _MOST_SUMMED + 1}]
                rows = self._in_time(partial(self._summed, leaf, stages))
                if rows is not None and len(rows) <= _MOST_SUMMED:
                    return [row["_id"] for row in rows]
        return None

    def _all_in_all(self, node: Node) -> int | None:
        """The number for a single condition on what happened, or its opposite."""
        part, is_opposite = node, False
        while isinstance(part, Not) or (
            isinstance(part, Group) and len(part.parts) == 1
        ):
            is_opposite ^= isinstance(part, Not)
            part = part.part if isinstance(part, Not) else part.parts[0]
        everybody = self._reader.readable()
        if not isinstance(part, Happened) or everybody != self._reader.live:
            return None
        number: int | None = self._in_time(
            partial(self._number, part, everybody, is_opposite=is_opposite)
        )
        return number

    def _number(
        self, leaf: Happened, everybody: Document, *, is_opposite: bool
    ) -> int | None:
        archived = self._records.find(
            {"archived_at": {"$gte": EARLIEST}}, [], _MOST_ARCHIVED + 1, only=("_id",)
        )
        if len(archived) > _MOST_ARCHIVED:
            return None
        ids = [row["_id"] for row in archived]
        sums = DaySums(self._days, ids, self._today)
        # Those of whom it holds because nothing happened have no days.
        is_turned = leaf.holds_of_nothing
        bounds = {"$nor": [_bounds(leaf)]} if is_turned else _bounds(leaf)
        stages = [*SUMMED, {"$match": bounds}, {"$count": "count"}]
        (row,) = self._summed(leaf, stages) or [{"count": 0}]
        put_away = len(sums.holding(leaf)["_id"]["$in"])
        put_away = len(ids) - put_away if is_turned else put_away
        with_days = row["count"] - put_away
        if is_turned == is_opposite:
            return int(with_days)
        return self._records.count(everybody, _EVERYBODY) - int(with_days)

    def _holding(self, leaf: Happened) -> list[Document]:
        return [*SUMMED, {"$match": _bounds(leaf)}, {"$project": {"_id": 1}}]

    def _summed(self, leaf: Happened, stages: Sequence[Document]) -> list[Document]:
        asked: Document = {"resource": self._resource}
        if leaf.type is not None:
            asked["type"] = leaf.type
        if leaf.days is not None:
            asked["day"] = day_range(leaf.days, self._today)
        keys = (BY_DAY if leaf.type is None else BY_TYPE).keys
        return self._days.aggregate([{"$match": asked}, *stages], keys)

    def _sample(self, conditions: Document) -> list[Any]:
        rows = self._records.find(conditions, [], _SAMPLE)
        return [self._reader.restore(row) for row in rows]

    def _in_time(self, look: Callable[[], Any]) -> Any:
        """What ``look`` finds; None if there is no time for that."""
        left_s = min(self._give_up_at - time.monotonic(), _TO_SUM_UP_S)
        if left_s <= 0:
            return None
        try:
            with pymongo.timeout(left_s):
                return look()
        except PyMongoError as error:
            if not error.timeout:
                raise
        return None


def _needed(node: Node) -> Iterator[Node]:
    """Conditions that all have to hold."""
    if isinstance(node, Group) and (node.is_all or len(node.parts) == 1):
        for part in node.parts:
            yield from _needed(part)
    else:
        yield node


def _bounds(leaf: Happened) -> Document:
    """What is asked of a record's sums."""
    asked: Document = {}
    for name, bounds in (("count", leaf.count), ("amount", leaf.amount)):
        for operator, bound in bounds.items():
            value = Decimal128(bound) if isinstance(bound, Decimal) else bound
            asked.setdefault(name, {})[_COMPARED[operator]] = value
    return asked
