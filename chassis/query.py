"""The one list grammar, compiled to MongoDB by an allow-list per resource.

``filter[field]=v``, ``filter[field][op]=v``, ``sort=-a,b``, ``limit``,
``cursor``, ``fields`` and ``include=count``. Pages are found by key, not by
offset: a cursor holds the sort values of the last row, so that page 10 000
costs what page 1 costs and inserts move nothing. What is not declared is
refused with 400, never ignored.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from chassis.cursors import CursorSeal
from chassis.errors import InvalidInputError, bad_request
from chassis.fields import Clock, Condition, Field
from chassis.ids import is_id

Entity = TypeVar("Entity")

__all__ = ["COUNT_CAP", "Listing", "Page", "Query", "compile_query"]

COUNT_CAP: Final = 10_000
_MAX_LIMIT: Final = 200
_DEFAULT_LIMIT: Final = 50
_MAX_FILTERS: Final = 10
_MAX_SORT: Final = 3
_NUMBER: Final = re.compile(r"\d{1,3}", re.ASCII)
_FILTER = re.compile(r"filter\[([a-z_][a-z0-9_.]*)\](?:\[([a-z_]+)\])?")
_BOUNDS: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
_PARAMETERS: Final = frozenset({"sort", "limit", "cursor", "fields", "include"})


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What one resource's list allows.

    Attributes:
        fields: What may be filtered and sorted by.
        view_fields: What ``fields=`` may name.
        scope: What a cursor is bound to: the organization and the list.
        default_sort: Used where the client gives none.
        orders: Sorts by several fields that an index serves, in one direction.
    """

    fields: Mapping[str, Field]
    view_fields: frozenset[str]
    scope: str
    default_sort: str = "-created_at"
    orders: Collection[tuple[str, ...]] = ()


@dataclass(frozen=True, kw_only=True)
class Query:
    """A list request, ready to run.

    Attributes:
        conditions: What the filters ask.
        start: Sort values of the cursor's row; None for the first page.
        after: What is asked besides, so that the page begins behind the
            cursor's row; nothing for the first page.
        sort: Paths and directions; the last is the id, which makes it total.
        is_indexed: Whether an index has that order.
    """

    conditions: dict[str, Any]
    start: list[Any] | None
    after: list[dict[str, Any]]
    sort: list[tuple[str, int]]
    is_indexed: bool
    limit: int
    fields: tuple[str, ...]
    with_count: bool
    scope: str

    def cursor_after(self, document: Mapping[str, Any], seal: CursorSeal) -> str:
        """The cursor of the page that begins behind ``document``."""
        values = [value_at(document, path) for path, _ in self.sort]
        return seal.seal(self.scope, values)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Entity]):
    """One page of a list.

    Attributes:
        count: How many there are in all, up to one behind the cap; None if
            nobody asked, or if that would take too long to find out.
    """

    items: Sequence[Entity]
    next_cursor: str | None
    fields: tuple[str, ...]
    with_count: bool = False
    count: int | None = None

    def view(self, dump: Callable[[Entity], dict[str, Any]]) -> dict[str, Any]:
        """The list answer of the HTTP interface, items dumped by ``dump``."""
        page: dict[str, Any] = {
            "next_cursor": self.next_cursor,
            "has_more": self.next_cursor is not None,
        }
        if self.with_count:
            count = self.count
            page["count"] = count if count is None else min(count, COUNT_CAP)
            page["count_capped"] = count is None or count > COUNT_CAP
        return {"data": [self._sparse(dump(item)) for item in self.items], "page": page}

    def _sparse(self, view: dict[str, Any]) -> dict[str, Any]:
        if not self.fields:
            return view
        return {name: view[name] for name in self.fields if name in view}


def compile_query(
    parameters: Mapping[str, str], listing: Listing, clock: Clock, seal: CursorSeal
) -> Query:
    """Read a query string against what a resource allows.

    Args:
        parameters: The query parameters as they came.
        listing: What the resource allows.
        clock: What relative dates are relative to.
        seal: Tells our cursors from invented ones.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``, ``invalid_filter``,
            ``invalid_sort``, ``invalid_limit``, ``invalid_cursor`` or
            ``invalid_fields``, naming the parameter.
    """
    filters = {
        name: text for name, text in parameters.items() if name not in _PARAMETERS
    }
    if len(filters) > _MAX_FILTERS:
        raise refuse("invalid_filter", "filter", f"At most {_MAX_FILTERS} filters.")
    sort_text = parameters.get("sort", listing.default_sort)
    sort = _sort(sort_text, listing)
    # A cursor goes on with what was asked; another question begins anew.
    scope = f"{listing.scope}\n{sort_text}\n{urlencode(sorted(filters.items()))}"
    start = _start(parameters.get("cursor"), sort, scope, seal)
    return Query(
        conditions=all_of(
            _condition(name, text, listing.fields, clock)
            for name, text in filters.items()
        ),
        start=start,
        after=[] if start is None else _behind(sort, start),
        sort=sort,
        is_indexed=_is_indexed(sort, sort_text, listing),
        limit=_limit(parameters.get("limit")),
        fields=_sparse_fields(parameters.get("fields"), listing.view_fields),
        with_count=_include(parameters.get("include")),
        scope=scope,
    )


def all_of(conditions: Iterable[Condition]) -> dict[str, Any]:
    """One document that asks all of ``conditions``, several of one path included."""
    merged: dict[str, Any] = {}
    more: list[Condition] = []
    for condition in conditions:
        for path, asked in condition.items():
            if any(_holds(part, path, asked) for part in (merged, *more)):
                continue
            if merged.get(path, {}).keys() & asked.keys():
                more.append({path: asked})
            else:
                merged.setdefault(path, {}).update(asked)
    return {**merged, "$and": more} if more else merged


def _holds(part: Condition, path: str, asked: dict[str, Any]) -> bool:
    """Whether ``part`` asks this already, or can be made to within one range.

    Bounds of one value of many, ``{"$elemMatch": {"k": name, "v": bounds}}``, are
    looked up together only if they are asked of the same element.
    """
    known = part.get(path, {})
    if asked.items() <= known.items():
        return True
    one, other = known.get("$elemMatch", {}), asked.get("$elemMatch", {})
    bounds, more = one.get("v", {}), other.get("v", {})
    if (
        len(asked) > 1
        or not (bounds and more)
        or {**one, "v": None} != {**other, "v": None}
        or not {*bounds, *more} <= _BOUNDS
        or bounds.keys() & more.keys()
    ):
        return False
    part[path] = {**known, "$elemMatch": {**one, "v": {**bounds, **more}}}
    return True


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def refuse(code: str, parameter: str, message: str) -> InvalidInputError:
    """A 400 that names the parameter."""
    return bad_request(
        code, message, [{"field": parameter, "code": code, "message": message}]
    )


def _condition(
    name: str, text: str, fields: Mapping[str, Field], clock: Clock
) -> Condition:
    match = _FILTER.fullmatch(name)
    if match is None:
        raise refuse("unknown_parameter", name[:100], "There is no such parameter.")
    field = fields.get(match[1])
    if field is None:
        known = ", ".join(sorted(fields))
        raise refuse("invalid_filter", name[:100], f"Filter by one of {known}.")
    operator = match[2] or "eq"
    if operator not in field.operators:
        known = ", ".join(field.operators)
        raise refuse("invalid_filter", name[:100], f"Operators here are {known}.")
    try:
        return field.condition(match[1], operator, text, clock)
    except ValueError as error:
        raise refuse("invalid_filter", name, f"This takes {error}.") from None


def _sort(text: str, listing: Listing) -> list[tuple[str, int]]:
    sort: list[tuple[str, int]] = []
    fields = listing.fields
    for part in text.split(","):
        name = part.removeprefix("-")
        field = fields.get(name)
        if field is None or not field.is_sortable:
            known = ", ".join(sorted(n for n, f in fields.items() if f.is_sortable))
            raise refuse("invalid_sort", "sort", f"Sort by one of {known}.")
        sort.append((field.path_of(name), -1 if part.startswith("-") else 1))
    if len(sort) > _MAX_SORT or len({path for path, _ in sort}) < len(sort):
        raise refuse("invalid_sort", "sort", "Too many fields, or one twice.")
    # The id makes the order total; it runs the way of the last field, so that
    # one index serves both directions.
    sort.append(("_id", sort[-1][1]))
    return sort


def _is_indexed(sort: Sequence[tuple[str, int]], text: str, listing: Listing) -> bool:
    if len(sort) == 2:  # noqa: PLR2004 - one field and the id
        return True
    names = tuple(part.removeprefix("-") for part in text.split(","))
    is_one_way = len({direction for _, direction in sort}) == 1
    return is_one_way and names in listing.orders


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not (_NUMBER.fullmatch(text) and 1 <= int(text) <= _MAX_LIMIT):
        raise refuse("invalid_limit", "limit", f"A number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _sparse_fields(text: str | None, view_fields: frozenset[str]) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in view_fields]:
        raise refuse("invalid_fields", "fields", f"No field {unknown[0][:100]!r}.")
    return names


def _include(text: str | None) -> bool:
    if text not in {None, "count"}:
        raise refuse("unknown_parameter", "include", "Only count can be included.")
    return text == "count"


def _start(
    cursor: str | None, sort: Sequence[tuple[str, int]], scope: str, seal: CursorSeal
) -> list[Any] | None:
    if cursor is None:
        return None
    try:
        bounds = seal.open(scope, cursor)
    except ValueError:
        bounds = []
    if len(bounds) != len(sort) or not is_id(bounds[-1]):
        raise refuse(
            "invalid_cursor",
            "cursor",
            "Give next_cursor of a page of this list, with the same sort and filters.",
        )
    return bounds


def _behind(
    sort: Sequence[tuple[str, int]], bounds: Sequence[Any]
) -> list[dict[str, Any]]:
    """What rows behind the one with these sort values fulfill."""
    beyond = [
        {
            **{path: bounds[i] for i, (path, _) in enumerate(sort[:position])},
            **_beyond(path, direction, bounds[position]),
        }
        for position, (path, direction) in enumerate(sort)
    ]
    # Said once more for the first field alone, which an index can begin at.
    return [*_from(*sort[0], bounds[0]), {"$or": beyond}]


def up_to_value(path: str, direction: int, bound: Any) -> list[dict[str, Any]]:
    """What rows fulfill that have this value or come before those that do."""
    if direction > 0:
        return [up_to(path, bound)]
    return [] if bound is None else [{path: {"$gte": bound}}]


def _from(path: str, direction: int, bound: Any) -> list[dict[str, Any]]:
    """Where to begin looking; MongoDB sorts null before everything else."""
    if direction > 0:
        return [] if bound is None else [{path: {"$gte": bound}}]
    return [{path: None} if bound is None else up_to(path, bound)]


def up_to(path: str, bound: Any) -> dict[str, Any]:
    """Values not behind ``bound`` in rising order, null included."""
    return {path: {"$not": {"$gt": bound}}}


def _beyond(path: str, direction: int, bound: Any) -> dict[str, Any]:
    if direction > 0:
        return {path: {"$ne": None} if bound is None else {"$gt": bound}}
    if bound is None:
        return {"_id": {"$in": []}}
    if path == "_id":
        return {path: {"$lt": bound}}
    return {"$or": [{path: {"$lt": bound}}, {path: None}]}
