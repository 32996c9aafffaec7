"""Many operations in one request: their body and their answer, for one resource."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from chassis.batches import MAX_OPERATIONS
from chassis.resources import Kind
from stack.openapi.codes import codes_of_rpc
from stack.openapi.components import Schemas
from stack.openapi.contracts import contract_of
from stack.openapi.routes import Route

__all__ = ["batch_answer", "batch_body", "batch_example"]

_OWN_CODES: Final = frozenset({"ambiguous_match", "upsert_in_progress"})
# By what the record of the example is found.
_FOUND_BY: Final[Mapping[str, Mapping[str, Any]]] = {
    "external_id": {"external_ids": {"erp": "4711"}},
    "email": {"email": "grace@example.com"},
}
_ID: Final = "019c12f0-5ec0-7c5e-b478-fdd8d973fa46"


def batch_body(route: Route, schemas: Schemas) -> dict[str, Any]:
    """What a batch of this resource takes."""
    row = schemas.reference(contract_of(route.rpc).takes["operations"])
    payloads = [
        schemas.reference(_payload(route, verb)) for verb in ("create", "update")
    ]
    found_by = {
        "enum": _match_by(route),
        "description": "The field by whose value in `data` an `upsert` looks for the "
        "record; by default the first that has one.",
    }
    operation = {
        "allOf": [row],
        "properties": {"data": {"anyOf": payloads}, "match_by": found_by},
    }
    rows = {"type": "array", "minItems": 1, "maxItems": MAX_OPERATIONS}
    return {
        "type": "object",
        "properties": {"operations": {**rows, "items": operation}},
        "required": ["operations"],
        "additionalProperties": False,
    }


def batch_example(route: Route, schemas: Schemas) -> dict[str, Any]:
    """A row of each kind."""
    made = schemas.example(_payload(route, "create"))
    changed = schemas.example(_payload(route, "update"))
    found_by = next(name for name in _match_by(route) if name in _FOUND_BY)
    known = {**(made or {}), **_FOUND_BY[found_by]}
    return {
        "operations": [
            {"op": "create", "data": made},
            {"op": "upsert", "match_by": found_by, "data": known},
            {"op": "update", "id": _ID, "data": changed},
            {"op": "delete", "id": _ID},
        ]
    }


def _match_by(route: Route) -> list[str]:
    """The fields by which an upsert may find a record."""
    scope = vars(inspect.getmodule(inspect.unwrap(route.rpc)))  # type: ignore[arg-type]
    (kind,) = (value for value in scope.values() if isinstance(value, Kind))
    return list(kind.match_by)


def batch_answer(route: Route, schemas: Schemas) -> dict[str, Any]:
    """What it answers: row by row, as each would have been answered alone."""
    view = schemas.written(contract_of(route.sibling("get")).returns or "")
    codes: frozenset[str] = _OWN_CODES
    for verb in ("create", "update", "archive"):
        codes |= codes_of_rpc(route.sibling(verb))
    error = {
        "type": "object",
        "description": "As in a problem document.",
        "properties": {
            "code": {"type": "string", "enum": sorted(codes)},
            "detail": {"type": "string"},
            "errors": {"$ref": "#/components/schemas/FieldProblems"},
            "conflicts": {"$ref": "#/components/schemas/Conflicts"},
        },
        "required": ["code", "detail"],
    }
    row = {
        "type": "object",
        "properties": {
            "op": {"type": "string"},
            "status": {"type": "integer", "minimum": 200, "maximum": 499},
            "id": {"type": "string", "format": "uuid"},
            "version": {"type": "integer", "minimum": 1},
            "data": {
                "description": "Missing from rows behind the first 8 MiB.",
                "allOf": [view],
            },
            "error": error,
        },
        "required": ["op", "status"],
    }
    number = {"type": "integer", "minimum": 0, "maximum": MAX_OPERATIONS}
    summary = {
        "type": "object",
        "properties": {"succeeded": number, "failed": number},
        "required": ["succeeded", "failed"],
    }
    return {
        "type": "object",
        "properties": {
            "results": {"type": "array", "items": row},
            "summary": summary,
        },
        "required": ["results", "summary"],
    }


def _payload(route: Route, verb: str) -> str:
    return contract_of(route.sibling(verb)).takes["payload"]
