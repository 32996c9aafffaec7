"""Many operations in one request: their body and their answer, for one resource."""

from typing import Any, Final

from chassis.batches import MAX_OPERATIONS
from stack.openapi.codes import codes_of_rpc
from stack.openapi.components import Schemas
from stack.openapi.contracts import contract_of
from stack.openapi.routes import Route

__all__ = ["batch_answer", "batch_body", "batch_example"]

_OWN_CODES: Final = frozenset({"ambiguous_match", "upsert_in_progress"})


def batch_body(route: Route, schemas: Schemas) -> dict[str, Any]:
    """What a batch of this resource takes."""
    row = schemas.reference(contract_of(route.rpc).takes["operations"])
    payloads = [
        schemas.reference(_payload(route, verb)) for verb in ("create", "update")
    ]
    operation = {"allOf": [row], "properties": {"data": {"anyOf": payloads}}}
    rows = {"type": "array", "minItems": 1, "maxItems": MAX_OPERATIONS}
    return {
        "type": "object",
        "properties": {"operations": {**rows, "items": operation}},
        "required": ["operations"],
        "additionalProperties": False,
    }


def batch_example(route: Route, schemas: Schemas) -> dict[str, Any]:
    """Two rows that are accepted."""
    data = schemas.example(_payload(route, "create"))
    return {"operations": [{"op": "create", "data": data}] * 2}


def batch_answer(route: Route, schemas: Schemas) -> dict[str, Any]:
    """What it answers: row by row, as each would have been answered alone."""
    view = schemas.reference(contract_of(route.sibling("get")).returns or "")
    codes: frozenset[str] = _OWN_CODES
    for verb in ("create", "update", "archive"):
        codes |= codes_of_rpc(route.sibling(verb))
    error = {
        "type": "object",
        "description": "As in a problem document.",
        "properties": {
            "code": {"type": "string", "enum": sorted(codes)},
            "detail": {"type": "string"},
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
            "data": view,
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
