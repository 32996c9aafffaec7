"""The list grammar's parameters and answer, for one resource."""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from chassis.fields import Field
from chassis.folding import GRAM_LENGTH
from chassis.jobs import Jobs
from chassis.periods import RELATIVE_DATES
from chassis.query import COUNT_CAP
from chassis.reader import Reader
from stack.principals import SERVICES

__all__ = [
    "DAY",
    "MOMENT",
    "PAGE",
    "SEPARATED",
    "list_parameters",
    "page_of",
    "repositories",
]

_ID: Final = {"type": "string", "format": "uuid"}
# Values are separated by commas.
SEPARATED: Final[Mapping[str, Any]] = {"style": "form", "explode": False}
_RELATIVE_DATES: Final = ", ".join(RELATIVE_DATES)
_RELATIVE: Final = (
    "^(today|yesterday|tomorrow|(last|this|next)_(week|month|quarter|year)"
    "|(last|next)_[1-9][0-9]{0,3}_days)$"
)
# Several values are moments or days; a period is asked for by its bounds.
_ONE_OF_SEVERAL: Final[Mapping[str, dict[str, Any]]] = {
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
}
_SHORTEST: Final = {"contains": GRAM_LENGTH, "starts_with": 1}
_TEXT: Final = {"type": "string", "maxLength": 1_000}
_KINDS: Final[Mapping[str, dict[str, Any]]] = {
    "id": _ID,
    "datetime": {"$ref": "#/components/schemas/Moment"},
    "date": {"$ref": "#/components/schemas/Day"},
    "flag": {"type": "boolean"},
    "decimal": {"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$"},
    "integer": {"type": "integer", "format": "int64"},
}
_SAYS: Final[Mapping[str, str]] = {
    "eq": "equals this",
    "ne": "is not this, or empty",
    "gt": "is beyond this",
    "gte": "is this or beyond",
    "lt": "is below this",
    "lte": "is this or below",
    "in": "is one of these",
    "nin": "is none of these",
    "contains": "contains this",
    "starts_with": "starts with this",
    "exists": "is there, or with `false` is empty",
}
# Of a field that holds several values.
_SAYS_OF_LISTS: Final[Mapping[str, str]] = {
    "eq": "has this among its values",
    "ne": "does not have this among its values",
    "gt": "has a value beyond this",
    "gte": "has a value that is this or beyond",
    "lt": "has a value below this",
    "lte": "has a value that is this or below",
    "in": "has one of these among its values",
    "nin": "has none of these among its values",
    "contains": "has a value that contains this",
    "starts_with": "has a value that starts with this",
    "exists": "has a value, or with `false` none",
}
DAY: Final = {
    "description": f"A day, or {_RELATIVE_DATES}.",
    "anyOf": [
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": _RELATIVE},
    ],
}
MOMENT: Final = {
    "description": f"A time (RFC 3339), a day, or {_RELATIVE_DATES}.",
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"$ref": "#/components/schemas/Day"},
    ],
}
PAGE: Final = {
    "type": "object",
    "description": "Where this page stands in its list.",
    "properties": {
        "next_cursor": {
            "type": ["string", "null"],
            "description": "For `cursor`, to get the page behind this one.",
        },
        "has_more": {
            "type": "boolean",
            "description": "Whether to go on with `next_cursor`. A page may have "
            "fewer rows than `limit`, or none, and be followed by others.",
        },
        "count": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": COUNT_CAP,
            "description": "How many there are in all; with `include=count` only, "
            "and null if they could not be counted in time.",
        },
        "count_capped": {
            "type": "boolean",
            "description": "Whether there may be more than `count`, which "
            f"stops at {COUNT_CAP}.",
        },
    },
    "required": ["next_cursor", "has_more"],
}


def page_of(row: Mapping[str, Any], *, has_limit: bool = True) -> dict[str, Any]:
    """The answer of a list with such rows, as many as its ``limit`` if it has one."""
    most = {"maxItems": 200} if has_limit else {}
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", **most, "items": row},
            "page": {"$ref": "#/components/schemas/Page"},
        },
        "required": ["data", "page"],
    }


def list_parameters(resource: str, view_fields: list[str]) -> Iterator[dict[str, Any]]:
    """Every query parameter of a resource's list.

    Raises:
        KeyError: No repository is of this resource.
    """
    fields = repositories()[resource].fields
    yield _parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "How many to answer at most.",
    )
    yield _parameter(
        "cursor",
        {"type": "string", "maxLength": 4_096},
        "`next_cursor` of the page before, with the same `sort` and filters. Stable "
        "while records come and go.",
    )
    sortable = [name for name, field in fields.items() if field.is_sortable]
    yield _parameter(
        "sort",
        {
            **_several([*sortable, *(f"-{name}" for name in sortable)], 3),
            "default": [repositories()[resource].default_sort],
        },
        "Up to three fields, `-` for falling order.",
    )
    yield _parameter(
        "fields", _several(view_fields, None), "Answer only these fields of each."
    )
    yield _parameter(
        "include",
        {"type": "string", "const": "count"},
        f"Count the records that the filters find, up to {COUNT_CAP}.",
    )
    for name, field in fields.items():
        yield from _filters(name, field)


def _filters(name: str, field: Field) -> Iterator[dict[str, Any]]:
    says = _SAYS_OF_LISTS if field.is_list else _SAYS
    for operator in field.operators:
        what = f"`{name}` {says[operator]}."
        if field.form and operator != "exists":
            what = f"{what} A value is written {field.form}."
        parameter = (
            f"filter[{name}]" if operator == "eq" else f"filter[{name}][{operator}]"
        )
        if operator == "exists":
            yield _parameter(parameter, {"type": "boolean"}, what)
        elif operator in {"in", "nin"}:
            values = {"type": "array", "minItems": 1, "maxItems": 100}
            one = _ONE_OF_SEVERAL.get(field.kind) or _value(field)
            yield _parameter(parameter, {**values, "items": one}, what)
        elif operator in _SHORTEST:
            shortest = {"minLength": _SHORTEST[operator]}
            yield _parameter(parameter, {**_value(field), **shortest}, what)
        else:
            yield _parameter(parameter, _value(field), what)


def _value(field: Field) -> dict[str, Any]:
    if field.choices:
        return {"type": "string", "enum": list(field.choices)}
    return dict(_KINDS.get(field.kind, _TEXT))


def _several(names: list[str], at_most: int | None) -> dict[str, Any]:
    bound = {} if at_most is None else {"maxItems": at_most}
    items = {"type": "string", "enum": names}
    return {"type": "array", "minItems": 1, **bound, "items": items}


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    style = SEPARATED if schema.get("type") == "array" else {}
    parameter = {"name": name, "in": "query", "description": description}
    return {**parameter, **style, "schema": schema}


@cache
def repositories() -> dict[str, type[Reader[Any]]]:
    """What finds the records of each resource."""
    for service in SERVICES:
        importlib.import_module(f"svc_{service}.service")
    found = []
    todo: list[type[Any]] = [Reader]
    while todo:
        for each in todo.pop().__subclasses__():
            todo.append(each)
            if each.__module__.startswith("svc_") and hasattr(each, "resource"):
                found.append(each)
    # Jobs may stand for what they work at, which itself has the last word.
    found.sort(key=lambda each: not issubclass(each, Jobs))
    return {each.resource: each for each in found}
