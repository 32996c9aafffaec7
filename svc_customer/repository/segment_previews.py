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
    Compiler,
    DaySums,
    summed,
)

__all__ = ["Preview", "SegmentPreviews"]

_TIME_S: Final = 1.6
_TO_SUM_UP_S: Final = 1.0
_SAMPLE: Final = 10
_FIRST: Final = 500
_AT_ONCE: Final = 4_000
_MOST_SUMMED: Final = 200_000
_MOST_ARCHIVED: Final = 2_000
_EVERYBODY: Final = 2**31 - 2
_SOME: Final = ({"$limit": _MOST_SUMMED + 1}, {"$project": {"_id": 1}})
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
        if (exact := self._all_in_all(node)) is not None:
            return exact
        ids, rest = self._led(node)
        found, is_whole, sample = 0, True, list[Any]()
        for part in self._parts(ids):
            fitting = self._in_time(partial(self._fitting, rest, part))
            if fitting is None:
                is_whole = False
                break
            found += len(fitting)
            sample += self._sample_of(fitting[: _SAMPLE - len(sample)])
        return Preview(found, is_capped=not is_whole, sample=sample)

    def _fitting(self, node: Node | None, ids: list[str]) -> list[str]:
        """Which of some records fit."""
        sums = DaySums(self._days, ids, self._today)
        asked = {**self._reader.readable(), "_id": {"$in": ids}}
        if node is not None:
            compiler = replace(self._compiler, holding=sums.holding)
            asked["$and"] = [compiler.condition(node)]
        rows = self._records.find(
            asked, [], len(ids), only=("_id",), keys=(("_id", 1),)
        )
        return [row["_id"] for row in rows]

    def _parts(self, ids: list[str] | None) -> Iterator[list[str]]:
        """Records to look at: those that a condition led to, or all there are."""
        first, size, after = 0, _FIRST, list[Any]()
        while ids is None or first < len(ids):
            if ids is None:
                part, behind = self._memberships.walk(
                    self._resource, after or None, size
                )
                after = behind or []
            else:
                part = ids[first : first + size]
            if part:
                yield part
            if ids is None and not after:
                return
            first, size = first + size, min(2 * size, _AT_ONCE)

    def _led(self, node: Node) -> tuple[list[str] | None, Node | None]:
        """The records to which a condition on what happened leads, unless many.

        Returns:
            Their ids, and what is to be asked of them besides.
        """
        parts = list(_needed(node))
        for leaf in parts:
            has_time = self._give_up_at - time.monotonic() > _TO_SUM_UP_S
            if not has_time:
                break
            if isinstance(leaf, Happened) and not leaf.holds_of_nothing:
                stages: list[Document] = [{"$match": _bounds(leaf)}, *_SOME]
                rows = self._in_time(partial(self._summed, leaf, stages))
                if rows is not None and len(rows) <= _MOST_SUMMED:
                    rest = tuple(each for each in parts if each is not leaf)
                    ids = [row["_id"] for row in rows]
                    return ids, Group(is_all=True, parts=rest) if rest else None
        return None, node

    def _all_in_all(self, node: Node) -> Preview | None:
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
        # Those of whom it holds because nothing happened have no days.
        is_turned = part.holds_of_nothing
        found = self._in_time(partial(self._with_days, part, is_turned=is_turned))
        if found is None:
            return None
        count, some = found
        if is_turned == is_opposite:
            return Preview(count, is_capped=False, sample=self._sample_of(some))
        total = self._in_time(partial(self._records.count, everybody, _EVERYBODY))
        if total is None:
            return None
        others = next(self._parts(None), [])
        fitting = self._in_time(partial(self._fitting, node, others)) or []
        return Preview(
            total - count, is_capped=False, sample=self._sample_of(fitting[:_SAMPLE])
        )

    def _with_days(
        self, leaf: Happened, *, is_turned: bool
    ) -> tuple[int, list[str]] | None:
        """How many live records with days it holds of, or not, and some of them."""
        bounds = {"$nor": [_bounds(leaf)]} if is_turned else _bounds(leaf)
        both = {"count": [{"$count": "count"}], "some": [{"$limit": _FIRST}]}
        stages: list[Document] = [{"$match": bounds}, {"$facet": both}]
        archived = self._records.find(
            {"archived_at": {"$gte": EARLIEST}}, [], _MOST_ARCHIVED + 1, only=("_id",)
        )
        if len(archived) > _MOST_ARCHIVED:
            return None
        ids = [row["_id"] for row in archived]
        holding = DaySums(self._days, ids, self._today).holding(leaf)["_id"]["$in"]
        put_away = len(ids) - len(holding) if is_turned else len(holding)
        (found,) = self._summed(leaf, stages)
        count = found["count"][0]["count"] if found["count"] else 0
        some = [row["_id"] for row in found["some"]]
        live = self._fitting(None, some)[:_SAMPLE]
        return count - put_away, live

    def _summed(self, leaf: Happened, stages: Sequence[Document]) -> list[Document]:
        asked: Document = {"resource": self._resource}
        if leaf.type is not None:
            asked["type"] = leaf.type
        if days := leaf.day_range(self._today):
            asked["day"] = days
        keys = (BY_DAY if leaf.type is None else BY_TYPE).keys
        group = summed(with_amounts=bool(leaf.amount))
        return self._days.aggregate([{"$match": asked}, group, *stages], keys)

    def _sample_of(self, ids: Sequence[str]) -> list[Any]:
        return self._sample({"_id": {"$in": list(ids)}}) if ids else []

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
