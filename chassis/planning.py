"""Which index a page is looked for in.

MongoDB tries all indexes that may serve a query against each other, and keeps
the winner for every query of the same shape. With a dozen candidates the trial
costs more than the page, and a winner for a value that most records have is a
disaster for one that hardly any has. What tells is known here: whether one of
the filters finds so few records that all of them can be put in order, and which
index has the order of the page.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chassis.mongo import Document, Index
from chassis.query import Query
from chassis.rows import TenantRows

__all__ = ["FEW", "Choice", "choose_index"]

# So many records can be read and put in order while somebody waits.
FEW: Final = 5_000
# How long it is remembered that a filter finds few or many, and of how many.
_REMEMBERED_S: Final = 60.0
_REMEMBERED: Final = 10_000
_BOUNDING: Final = frozenset(
    {"$eq", "$in", "$gt", "$gte", "$lt", "$lte", "$elemMatch", "$all"}
)

Keys = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Choice:
    """An index, and what is known of it.

    Attributes:
        keys: The index; nothing where MongoDB had better choose.
        finds_few: Whether all that it finds can be put in any order.
    """

    keys: Keys = ()
    finds_few: bool = False


class _Counts:
    """How many records filters found, for a while."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def up_to_few(self, rows: TenantRows, asked: Document, keys: Keys) -> int:
        """How many rows there are, counted to one behind ``FEW``."""
        name = f"{rows.org_id} {keys} {asked}"
        now = time.monotonic()
        known = self._known.get(name)
        if known is not None and known[0] > now:
            return known[1]
        count = rows.count(asked, FEW, keys=keys)
        self._known[name] = (now + _REMEMBERED_S, count)
        self._known.move_to_end(name)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return count


_counts: Final = _Counts()


def choose_index(
    rows: TenantRows,
    query: Query,
    conditions: Mapping[str, Any],
    indexes: Sequence[Index],
) -> Choice:
    """The index in which a page is found with the fewest records looked at.

    Where one filter finds few, its; otherwise one that has the page's order and
    as much as possible of what is asked. Whether few are found is counted, if
    more than one index would do, and remembered for a minute.

    Args:
        rows: The organization's rows of the collection.
        query: Says where the page begins and its order.
        conditions: Everything that is asked of a row, wherever the page begins.
        indexes: Those of the collection.
    """
    usable = [
        index
        for index in indexes
        if index.keys[0][0] == "org_id" and index.partial is None
    ]
    bounded = {
        index: bounds for index in usable if (bounds := _bounds(index, conditions))
    }
    if not bounded or _asks_more(usable, conditions):
        return Choice()
    ordered = [index for index in usable if _has_order(index, conditions, query)]
    widest = _widest(bounded)
    if len(widest) > 1 or not any(index in bounded for index in ordered):
        few = _smallest(rows, widest, ordered)
        if few is not None:
            return Choice(few.keys, finds_few=True)
    if not ordered:
        return Choice()
    best = max(
        ordered,
        key=lambda index: (len(bounded.get(index, ())), _known(index, conditions)),
    )
    return Choice(best.keys)


def _smallest(
    rows: TenantRows, widest: Mapping[Index, Document], ordered: Sequence[Index]
) -> Index | None:
    """The index with the fewest rows where there are few, if there is one."""
    counted = [
        (_counts.up_to_few(rows, bounds, index.keys), index not in ordered, index)
        for index, bounds in widest.items()
    ]
    count, _, index = min(counted, key=lambda each: each[:2])
    return index if count <= FEW else None


def _asks_more(usable: Sequence[Index], conditions: Mapping[str, Any]) -> bool:
    """Whether something is asked that only other indexes than these lead to."""
    led = {index.keys[1][0] for index in usable}
    told = {name for index in usable for name, _ in index.keys} - {"_id"}
    return any(
        path not in led and path not in told
        for path, asked in conditions.items()
        if _bounding(asked)
    )


def _bounding(asked: Any) -> Any:
    """The part of a condition that says where to look; None if there is none."""
    if not isinstance(asked, dict):
        return asked
    if "$all" in asked:
        # MongoDB looks up the first value only.
        return {"$all": asked["$all"][:1]}
    return {name: asked[name] for name in asked if name in _BOUNDING} or None


def _bounds(index: Index, conditions: Mapping[str, Any]) -> Document:
    """What is asked that says where to look in an index."""
    bounds: Document = {}
    for path, _ in index.keys[1:]:
        asked = _bounding(conditions.get(path))
        if asked is None:
            break
        bounds[path] = asked
        if not _is_point(asked):
            break
    return bounds


def _is_point(asked: Any) -> bool:
    """Whether rows that fit have one value, so that the next key orders them."""
    return not isinstance(asked, dict) or asked.keys() <= {"$eq", "$all"}


def _widest(bounded: Mapping[Index, Document]) -> dict[Index, Document]:
    """One index for each set of bounds, and none for a part of another's."""
    chosen: dict[frozenset[str], Index] = {}
    for index, bounds in bounded.items():
        chosen.setdefault(frozenset(bounds), index)
    return {
        index: bounded[index]
        for names, index in chosen.items()
        if not any(names < other for other in chosen)
    }


def _has_order(index: Index, conditions: Mapping[str, Any], query: Query) -> bool:
    """Whether an index has the page's rows in its order."""
    if not query.is_indexed:
        return False
    names = [name for name, _ in index.keys]
    order = [path for path, _ in query.sort]
    start = 1
    while start < len(names) and names[start : start + len(order)] != order:
        asked = conditions.get(names[start])
        if asked is None or not _is_point(asked):
            return False
        start += 1
    return start < len(names)


def _known(index: Index, conditions: Mapping[str, Any]) -> int:
    """Of how many conditions the index alone tells whether a row fulfills them."""
    return sum(name in conditions for name, _ in index.keys)
