"""The description as plain pages, and a page for each problem.

For readers without JavaScript, and for who follows a problem's ``type``. Each is
written when somebody asks for it first, out of ``openapi.json``, and kept.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from flask import Response, render_template

from gateway_flask.openapi import described, kept_page
from gateway_flask.pages import policy, style
from gateway_flask.prose import prose

__all__ = ["of_problem", "of_problems", "of_resource", "overview"]

_SCHEMAS: Final = "schemas"
_METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A field or parameter: what it is called, of what kind, and what it means."""

    name: str
    kind: str
    link: str | None
    is_required: bool
    meaning: str


def overview() -> Response:
    """Every operation, by resource."""
    return _answer("reference", "")


def of_resource(name: str) -> Response | None:
    """The operations of a resource, or all schemas; None if there is no such."""
    if name == _SCHEMAS:
        return _answer("reference_schemas", name)
    known = {tag["name"] for tag in described()["tags"]}
    return _answer("reference_resource", name) if name in known else None


def of_problems() -> Response:
    """Every problem there is."""
    return _answer("problems", "")


def of_problem(code: str) -> Response | None:
    """What a problem means; None if there is no such."""
    known = code in described()["x-problems"]
    return _answer("problem", code) if known else None


def _answer(template: str, name: str) -> Response:
    response = kept_page(_written(template, name))
    response.headers["Content-Security-Policy"] = policy("")
    return response


@cache
def _written(template: str, name: str) -> str:
    document = described()
    return render_template(
        f"{template}.html",
        style=style(),
        document=document,
        name=name,
        operations=list(_operations(document)),
        problem=document["x-problems"].get(name),
        parameters=_parameters,
        fields=_fields,
        resolved=_resolved,
        kind=_kind,
        link=_link,
        prose=prose,
        shown=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield {"path": path, "method": method.upper(), **item[method]}


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in part:
        found: Any = described()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def _parameters(operation: Mapping[str, Any]) -> list[_Row]:
    found = [_resolved(each) for each in operation["parameters"]]
    return [
        _Row(
            name=each["name"],
            kind=f"{each['in']}, {_kind(each['schema'])}",
            link=_link(each["schema"]),
            is_required=each.get("required", False),
            meaning=each.get("description", ""),
        )
        for each in found
    ]


def _fields(schema: Mapping[str, Any]) -> list[_Row]:
    """The fields of a schema, with those of all that it is made of."""
    schema = _resolved(schema)
    rows = [row for part in schema.get("allOf", ()) for row in _fields(part)]
    required = set(schema.get("required", ()))
    return rows + [
        _Row(
            name=name,
            kind=_kind(each),
            link=_link(each),
            is_required=name in required,
            meaning=each.get("description", ""),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _kind(schema: Mapping[str, Any]) -> str:
    """What values look like, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if choices:
        return " | ".join(map(str, choices))
    for name in ("anyOf", "allOf"):
        if name in schema:
            return " or ".join(dict.fromkeys(map(_kind, schema[name])))
    kinds = schema.get("type", "anything")
    told = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "items" in schema:
        return f"{told} of {_kind(schema['items'])}"
    return f"{told} ({schema['format']})" if "format" in schema else told


def _link(schema: Mapping[str, Any]) -> str | None:
    """Where the schema is shown that a field or its values have."""
    found = schema.get("items", schema)
    if "$ref" not in found:
        return None
    return f"/docs/reference/{_SCHEMAS}#{found['$ref'].rpartition('/')[2]}"
