"""Pages whose records are so few among so many that no index leads to them.

Two filters may find many records each and hardly any together. Such a page is
looked for stretch by stretch, in its order, along the index that has the
fewest records to look at. When time is up it ends where the last stretch did:
with fewer rows than were asked for, or none, and a cursor from which on the
next request goes on looking.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import pymongo
from pymongo.errors import PyMongoError

from chassis.cursors import own_seal
from chassis.mongo import Document, Index
from chassis.query import Query, value_at
from chassis.ranges import ranges
from chassis.rows import TenantRows

__all__ = ["page_of", "walk", "way_for"]

_TIME_S: Final = 2.0
_LEAST_S: Final = 0.5
_FIRST_STRETCH: Final = 200
_LONGEST_STRETCH: Final = 100_000
_GROWTH: Final = 4
# How long a stretch may take for the next one to be longer.
_QUICK_S: Final = 0.2
_ENOUGH: Final = 20_000

Keys = Sequence[tuple[str, int]]
# What all records on the way have, and the index that has them in order.
Way = tuple[Document, Keys]


def way_for(
    rows: TenantRows, query: Query, conditions: Document, indexes: Sequence[Index]
) -> Way | None:
    """The index with the fewest records to look at, in the order of the page."""
    paths = [path for path, _ in query.sort]
    order = tuple(paths if query.is_indexed else paths[:1])
    ways: list[tuple[int, Way]] = []
    for index in indexes:
        names = tuple(name for name, _ in index.keys)
        if index.partial is not None or names[0] != "org_id":
            continue
        if names[1 : 1 + len(order)] == order:
            ways.append((_ENOUGH, ({}, index.keys)))
        elif names[2 : 2 + len(order)] == order and (
            value := _only_value(conditions.get(names[1]))
        ):
            led = {names[1]: value}
            ways.append((rows.count(led, _ENOUGH, keys=index.keys), (led, index.keys)))
    return min(ways, key=lambda each: each[0], default=(0, None))[1]


def _only_value(asked: Any) -> Any:
    """The value that a condition asks for, if it is a single one."""
    if not isinstance(asked, dict):
        return asked
    if "$eq" in asked:
        return asked["$eq"]
    return asked["$all"][0] if asked.get("$all") else None


def walk(
    rows: TenantRows,
    query: Query,
    conditions: Document,
    way: Way,
    without: Sequence[str],
) -> tuple[list[Document], str | None]:
    """The rows of a page, and the cursor of the next one if there may be one.

    Args:
        rows: The organization's rows of the collection.
        query: Says where the page begins, its order and its length.
        conditions: Everything that is asked of a row, wherever the page begins.
        way: See ``way_for``.
        without: What need not be read.

    Raises:
        PyMongoError: Not even a short stretch could be read in time.
    """
    steps = _Steps(rows, query, conditions, way, without)
    give_up_at = time.monotonic() + _TIME_S
    found: list[Document] = []
    last: Document | None = None
    size = _FIRST_STRETCH
    while last is None or time.monotonic() < give_up_at:
        started = time.monotonic()
        try:
            with pymongo.timeout(max(give_up_at - started, _LEAST_S)):
                stretch, end = steps.read(last, size, query.limit + 1 - len(found))
        except PyMongoError as error:
            if last is None or not error.timeout:
                raise
            break
        found += stretch
        if end is None or len(found) > query.limit:
            return page_of(found, query)
        last = end
        if time.monotonic() - started < _QUICK_S:
            size = min(size * _GROWTH, _LONGEST_STRETCH)
    return found, steps.cursor_at(last)


def page_of(found: list[Document], query: Query) -> tuple[list[Document], str | None]:
    """A page and the cursor of the next one, of one row more if there are more."""
    page = found[: query.limit]
    if len(found) == len(page):
        return page, None
    return page, query.cursor_after(page[-1], own_seal())


class _Steps:
    """One stretch after another.

    Where the index has the whole order, a stretch ends at a row; otherwise
    behind all those with the same first value, which are put in order together.
    """

    def __init__(
        self,
        rows: TenantRows,
        query: Query,
        conditions: Document,
        way: Way,
        without: Sequence[str],
    ) -> None:
        self._rows = rows
        self._query = query
        self._conditions = conditions
        self._led, self._keys = way
        self._without = without
        self._order = query.sort if query.is_indexed else query.sort[:1]

    def read(
        self, last: Document | None, size: int, limit: int
    ) -> tuple[list[Document], Document | None]:
        """What fits among the next rows behind ``last``, and where they end."""
        end = self._end(self._stretch(last, None), size - 1)
        found: list[Document] = []
        for part in self._stretch(last, end):
            wanted = {"$and": [self._conditions, part]}
            left = limit - len(found)
            found += self._rows.find(
                wanted, self._query.sort, left, self._without, keys=self._keys
            )
            if len(found) == limit:
                break
        return found, end

    def _stretch(self, last: Document | None, end: Document | None) -> list[Document]:
        until = None if end is None else self._values(end)
        if last is not None:
            return ranges(self._order, self._values(last), until)
        start = self._query.start
        if start is None or self._query.is_indexed:
            return ranges(self._order, start, until)
        # Of those with the same first value, some were on the page before.
        same = {self._order[0][0]: start[0], "$and": self._query.after}
        return [same, *ranges(self._order, start[:1], until)]

    def _end(self, parts: Sequence[Document], skip: int) -> Document | None:
        """The row behind the first ``skip`` on the way; None if there are fewer."""
        for part in parts:
            on_the_way = {"$and": [self._led, part]}
            row = self._rows.find_nth(on_the_way, self._order, skip, keys=self._keys)
            if row is not None:
                return row
            skip -= self._rows.count(on_the_way, skip, keys=self._keys)
        return None

    def _values(self, row: Document) -> list[Any]:
        return [value_at(row, path) for path, _ in self._order]

    def cursor_at(self, row: Document) -> str:
        """The cursor of a page that begins behind a stretch's end."""
        if not self._query.is_indexed:
            path = self._query.sort[0][0]
            same = {**self._led, path: value_at(row, path)}
            backwards = [(name, -way) for name, way in self._query.sort]
            (row,) = self._rows.find(same, backwards, 1, self._without, keys=self._keys)
        return self._query.cursor_after(row, own_seal())
