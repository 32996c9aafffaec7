"""The one list grammar, compiled to MongoDB by an allow-list per resource.

``filter[field]=v``, ``filter[field][op]=v``, ``sort=-a,b``, ``limit``,
``cursor``, ``fields`` and ``include=count``. Pages are found by key, not by
offset: a cursor holds the sort values of the last row, so that page 10 000
costs what page 1 costs and inserts move nothing. What is not declared is
refused with 400, never ignored.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import orjson
from bson import Decimal128

from chassis.errors import InvalidInputError, bad_request
from chassis.ids import is_id

Entity = TypeVar("Entity")

__all__ = ["COUNT_CAP", "Field", "Page", "Query", "compile_query"]

COUNT_CAP: Final = 10_000
_MAX_LIMIT: Final = 200
_DEFAULT_LIMIT: Final = 50
_MAX_CURSOR: Final = 2_048
_MAX_VALUES: Final = 100
_MAX_FILTERS: Final = 10
_MAX_VALUE_LENGTH: Final = 1_000
_MAX_SORT: Final = 3
_FILTER = re.compile(r"filter\[([a-z_][a-z0-9_.]*)\](?:\[([a-z_]+)\])?")
_PARAMETERS: Final = frozenset({"sort", "limit", "cursor", "fields", "include"})
_OPERATORS: Final[Mapping[str, str]] = {
    "eq": "$eq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
    "in": "$in",
    "nin": "$nin",
}
_RANGES: Final = frozenset({"gt", "gte", "lt", "lte"})


def _identifier(text: str) -> str:
    if not is_id(text):
        raise ValueError("not an id")
    return text


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _integer(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("not a 64-bit number")
    return number


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("not true or false")
    return text == "true"


def _decimal(text: str) -> Decimal128:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("not a finite number")
    return Decimal128(number)


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": _identifier,
    "text": str,
    "email": str.casefold,
    "datetime": _moment,
    "date": lambda text: date.fromisoformat(text).isoformat(),
    "flag": _flag,
    "decimal": _decimal,
    "integer": _integer,
}


@dataclass(frozen=True)
class Field:
    """What clients may do with one field of a list.

    Attributes:
        kind: ``id``, ``text``, ``email``, ``datetime``, ``date``, ``flag``, ``decimal``
            or ``integer``.
        path: Where the value is stored, if not under the field's name.
        is_sortable: Whether ``sort`` may name it; an index has to back it.
    """

    kind: str = "text"
    path: str | None = None
    is_sortable: bool = False

    def parse(self, text: str) -> Any:
        """The value as MongoDB compares it; ``ValueError`` if it is none."""
        if len(text) > _MAX_VALUE_LENGTH or "\0" in text:
            raise ValueError("too long or not printable")
        try:
            return _PARSERS[self.kind](text)
        except ArithmeticError:
            raise ValueError("not a number that can be kept") from None


@dataclass(frozen=True, kw_only=True)
class Query:
    """A list request, ready to run."""

    conditions: dict[str, Any]
    sort: list[tuple[str, int]]
    limit: int
    fields: tuple[str, ...]
    with_count: bool
    after: dict[str, Any] | None
    sort_text: str

    def cursor_after(self, document: Mapping[str, Any]) -> str:
        """The cursor of the page that begins behind ``document``."""
        values = [_to_cursor(_value_at(document, path)) for path, _ in self.sort]
        raw = orjson.dumps([self.sort_text, values])
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Entity]):
    """One page of a list."""

    items: Sequence[Entity]
    next_cursor: str | None
    fields: tuple[str, ...]
    count: int | None

    def view(self, dump: Callable[[Entity], dict[str, Any]]) -> dict[str, Any]:
        """The list answer of the HTTP interface, items dumped by ``dump``."""
        page: dict[str, Any] = {
            "next_cursor": self.next_cursor,
            "has_more": self.next_cursor is not None,
        }
        if self.count is not None:
            page["count"] = min(self.count, COUNT_CAP)
            page["count_capped"] = self.count > COUNT_CAP
        return {"data": [self._sparse(dump(item)) for item in self.items], "page": page}

    def _sparse(self, view: dict[str, Any]) -> dict[str, Any]:
        if not self.fields:
            return view
        return {name: view[name] for name in self.fields if name in view}


def compile_query(
    parameters: Mapping[str, str],
    fields: Mapping[str, Field],
    view_fields: frozenset[str],
    default_sort: str = "-created_at",
) -> Query:
    """Read a query string against what a resource allows.

    Args:
        parameters: The query parameters as they came.
        fields: What may be filtered and sorted by.
        view_fields: What ``fields=`` may name.
        default_sort: Used where the client gives none.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``, ``invalid_filter``,
            ``invalid_sort``, ``invalid_limit``, ``invalid_cursor`` or
            ``invalid_fields``, naming the parameter.
    """
    conditions: dict[str, Any] = {}
    for name, text in parameters.items():
        if name in _PARAMETERS:
            continue
        path, condition = _condition(name, text, fields)
        conditions.setdefault(path, {}).update(condition)
    if len(conditions) > _MAX_FILTERS:
        raise _refuse("invalid_filter", "filter", f"At most {_MAX_FILTERS} filters.")
    sort_text = parameters.get("sort", default_sort)
    sort = _sort(sort_text, fields)
    return Query(
        conditions=conditions,
        sort=sort,
        limit=_limit(parameters.get("limit")),
        fields=_sparse_fields(parameters.get("fields"), view_fields),
        with_count=_include(parameters.get("include")),
        after=_after(parameters.get("cursor"), sort, sort_text),
        sort_text=sort_text,
    )


def _refuse(code: str, parameter: str, message: str) -> InvalidInputError:
    return bad_request(
        code, message, [{"field": parameter, "code": code, "message": message}]
    )


def _condition(
    name: str, text: str, fields: Mapping[str, Field]
) -> tuple[str, dict[str, Any]]:
    match = _FILTER.fullmatch(name)
    if match is None:
        raise _refuse("unknown_parameter", name[:100], "There is no such parameter.")
    field = fields.get(match[1])
    operator = match[2] or "eq"
    if field is None or operator not in {*_OPERATORS, "exists"}:
        raise _refuse("invalid_filter", name, "No such field or operator to filter by.")
    if operator in _RANGES and field.kind in {"flag", "id"}:
        raise _refuse("invalid_filter", name, "This field has no order.")
    try:
        condition = _comparison(field, operator, text)
    except ValueError:
        raise _refuse(
            "invalid_filter", name, f"Not a value of kind {field.kind}."
        ) from None
    return field.path or match[1], condition


def _comparison(field: Field, operator: str, text: str) -> dict[str, Any]:
    if operator == "exists":
        # An empty field is stored as null.
        return {"$ne": None} if _flag(text) else {"$eq": None}
    if operator in {"in", "nin"}:
        values = text.split(",")
        if len(values) > _MAX_VALUES:
            raise ValueError("too many values")
        return {_OPERATORS[operator]: [field.parse(value) for value in values]}
    return {_OPERATORS[operator]: field.parse(text)}


def _sort(text: str, fields: Mapping[str, Field]) -> list[tuple[str, int]]:
    sort: list[tuple[str, int]] = []
    for part in text.split(","):
        name = part.removeprefix("-")
        field = fields.get(name)
        if field is None or not field.is_sortable:
            raise _refuse("invalid_sort", "sort", f"Cannot sort by {name[:100]!r}.")
        sort.append((field.path or name, -1 if part.startswith("-") else 1))
    if len(sort) > _MAX_SORT or len({path for path, _ in sort}) < len(sort):
        raise _refuse("invalid_sort", "sort", "Too many fields, or one twice.")
    # The id makes the order total; it runs the way of the last field, so that
    # one index serves both directions.
    sort.append(("_id", sort[-1][1]))
    return sort


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_LIMIT):
        raise _refuse("invalid_limit", "limit", f"A number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _sparse_fields(text: str | None, view_fields: frozenset[str]) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in view_fields]:
        raise _refuse("invalid_fields", "fields", f"No field {unknown[0][:100]!r}.")
    return names


def _include(text: str | None) -> bool:
    if text not in {None, "count"}:
        raise _refuse("unknown_parameter", "include", "Only count can be included.")
    return text == "count"


def _after(
    cursor: str | None, sort: Sequence[tuple[str, int]], sort_text: str
) -> dict[str, Any] | None:
    if cursor is None:
        return None
    try:
        bounds = _decode_cursor(cursor, sort_text)
    except (ValueError, TypeError, ArithmeticError):
        bounds = []
    if len(bounds) != len(sort) or not is_id(bounds[-1]):
        raise _refuse(
            "invalid_cursor", "cursor", "Not a cursor of a list in this order."
        )
    return {
        "$or": [
            {
                **{path: bounds[i] for i, (path, _) in enumerate(sort[:position])},
                **_beyond(path, direction, bounds[position]),
            }
            for position, (path, direction) in enumerate(sort)
        ]
    }


def _decode_cursor(cursor: str, sort_text: str) -> list[Any]:
    """The values in a cursor; any error of decoding means that it is none."""
    padded = cursor[:_MAX_CURSOR] + "=" * (-len(cursor) % 4)
    made_for, values = orjson.loads(
        base64.b64decode(padded, altchars=b"-_", validate=True)
    )
    return [_from_cursor(value) for value in values] if made_for == sort_text else []


def _beyond(path: str, direction: int, bound: Any) -> dict[str, Any]:
    """Values behind ``bound``; MongoDB sorts null before everything else."""
    if direction > 0:
        return {path: {"$ne": None} if bound is None else {"$gt": bound}}
    if bound is None:
        return {"_id": {"$in": []}}
    if path == "_id":
        return {path: {"$lt": bound}}
    return {"$or": [{path: {"$lt": bound}}, {path: None}]}


def _value_at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _to_cursor(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, Decimal128):
        return {"decimal": str(value)}
    return value


def _from_cursor(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _decimal(text) if kind == "decimal" else _moment(text)
    if isinstance(value, list):
        raise TypeError("no list is a sort value")
    return value
