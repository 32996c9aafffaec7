"""Reading a request: its body, query, preconditions and idempotency key.

Only shape and size are judged here, so that no service is handed something
absurd; what a field means is its owner's to judge.
"""

import re
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from flask import current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.routing import BaseConverter

from chassis.errors import bad_request, invalid_input
from chassis.ids import keyed_operation_id, new_id
from gateway_flask.policies import View, mark

__all__ = [
    "IdConverter",
    "body",
    "if_match",
    "operation_id",
    "operations",
    "optional_body",
    "query",
    "read_query",
    "reads_query",
    "refuse_parameters",
    "user_agent",
]

_MEDIA_TYPES: Final = ("application/json", "application/merge-patch+json")
_MAX_DEPTH: Final = 32
_MAX_STRING: Final = 100_000
_MAX_KEY: Final = 256
_MAX_VALUES: Final = 50_000
_MAX_QUERY: Final = 8_192
_MAX_PARAMETERS: Final = 100
_MAX_USER_AGENT: Final = 256
_INT64: Final = 2**63
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_STRONG_TAG: Final = re.compile(r'"v(\d{1,15})-[0-9a-f]+"')


class IdConverter(BaseConverter):
    """Ids in paths: anything but a lower-case UUID is 404 without asking."""

    regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def user_agent() -> str:
    """What a client says it is; the first 256 characters of that."""
    return request.headers.get("User-Agent", "")[:_MAX_USER_AGENT]


def body() -> dict[str, Any]:
    """The JSON object in the request's body.

    Raises:
        InvalidInputError: 400 ``body_missing``, ``malformed_json``,
            ``body_not_an_object``; 422 ``too_deep``, ``too_long``,
            ``too_many_values``, ``number_out_of_range``, ``nul_character``.
        UnsupportedMediaType: ``unsupported_media_type``: it is not declared to
            be JSON.
        RequestEntityTooLarge: ``body_too_large``.
    """
    given = optional_body()
    if given is None:
        raise bad_request("body_missing", "A JSON object is needed as the body.")
    return given


def operations() -> list[Any]:
    """The rows of a batch, ``{"operations": […]}``; their owner reads each.

    Raises:
        InvalidInputError: As ``body``, 400 ``body_missing``, ``malformed_json``,
            ``body_not_an_object``; 422 ``too_deep``, ``too_long``,
            ``too_many_values``, ``number_out_of_range``, ``nul_character``; or 422
            ``invalid_input``.
        UnsupportedMediaType: ``unsupported_media_type``.
        RequestEntityTooLarge: ``body_too_large``.
    """
    given = body()
    rows = given.get("operations")
    if given.keys() != {"operations"} or not isinstance(rows, list):
        message = "The body holds a list under this name, and nothing else."
        raise invalid_input(
            [{"field": "operations", "code": "invalid", "message": message}]
        )
    return rows


def optional_body() -> dict[str, Any] | None:
    """As ``body``, or ``None`` where there is none.

    Raises:
        InvalidInputError: 400 ``malformed_json``, ``body_not_an_object``; 422
            ``too_deep``, ``too_long``, ``too_many_values``,
            ``number_out_of_range``, ``nul_character``.
        UnsupportedMediaType: ``unsupported_media_type``: it is not declared to
            be JSON.
        RequestEntityTooLarge: ``body_too_large``.
    """
    if "body" in g:
        given: dict[str, Any] | None = g.body
        return given
    data = _read_body()
    if not data:
        return None
    if request.mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaType("Send application/json.")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise bad_request(
            "malformed_json", f"The body is not JSON: {error.msg}."
        ) from None
    if not isinstance(document, dict):
        raise bad_request("body_not_an_object", "The body must be a JSON object.")
    _check_size(document)
    g.body = document
    return document


def _read_body() -> bytes:
    if request.content_length is not None:
        return request.get_data()
    # A chunked body ends when it ends; werkzeug would cut it off at the limit.
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if "chunked_body" not in g:
        g.chunked_body = request.environ["wsgi.input"].read(limit + 1)
    data: bytes = g.chunked_body
    if len(data) > limit:
        raise RequestEntityTooLarge
    return data


def _check_size(document: dict[str, Any]) -> None:
    """Bound depth, number of values and length of strings; no recursion."""
    todo: list[tuple[str, Any, int]] = [("", document, 1)]
    seen = 0
    while todo:
        path, value, depth = todo.pop()
        children = _children(path, value)
        seen += len(children)
        if depth > _MAX_DEPTH:
            raise _refused(path, "too_deep", f"Nested deeper than {_MAX_DEPTH}.")
        if seen > _MAX_VALUES:
            raise _refused(path, "too_many_values", f"More than {_MAX_VALUES} values.")
        for name, child in children:
            if isinstance(child, dict | list):
                todo.append((name, child, depth + 1))
            else:
                _check_scalar(name, child)


def _children(path: str, value: Any) -> list[tuple[str, Any]]:
    prefix = f"{path}." if path else ""
    if isinstance(value, list):
        return [(f"{prefix}{index}", item) for index, item in enumerate(value)]
    for key in value:
        if len(key) > _MAX_KEY:
            raise _refused(path, "too_long", f"A name exceeds {_MAX_KEY} characters.")
        if "\x00" in key:
            raise _refused(path, "nul_character", "A name contains a NUL character.")
    return [(f"{prefix}{key}", item) for key, item in value.items()]


def _check_scalar(name: str, value: Any) -> None:
    if isinstance(value, str):
        if len(value) > _MAX_STRING:
            raise _refused(name, "too_long", f"Longer than {_MAX_STRING} characters.")
        if "\x00" in value:
            raise _refused(name, "nul_character", "Contains a NUL character.")
    elif isinstance(value, int | float) and not -_INT64 <= value < _INT64:
        # Larger integers than 64 bits are read as floats, so both are bounded.
        raise _refused(name, "number_out_of_range", "Beyond 64 bits.")


def _refused(field: str, code: str, message: str) -> Exception:
    error = {"field": field, "code": code, "message": message}
    return invalid_input([error], code, message)  # type: ignore[list-item]


def read_query() -> dict[str, str]:
    """Split the query string; every parameter counts once.

    Raises:
        InvalidInputError: 400 ``query_too_long``, ``query_malformed``,
            ``duplicate_parameter``.
    """
    raw = request.query_string
    if not raw:
        return {}
    if len(raw) > _MAX_QUERY:
        raise bad_request("query_too_long", f"At most {_MAX_QUERY} bytes are read.")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise bad_request(
            "query_malformed", "The query string cannot be read."
        ) from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise bad_request(
                "duplicate_parameter",
                "A parameter may be given once.",
                [{"field": name, "code": "duplicate_parameter"}],
            )
        parameters[name] = value
    return parameters


def reads_query(view: View) -> View:
    """Hand a view under ``/v1/`` its query parameters; all others refuse any."""
    return mark(view, reads_query=True)


def query() -> dict[str, str]:
    """The request's query parameters, raw."""
    parameters: dict[str, str] = g.query
    return parameters


def refuse_parameters(*known: str) -> None:
    """Refuse query parameters other than these.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``.
    """
    for name in query():
        if name not in known:
            raise bad_request(
                "unknown_parameter",
                "There is no such parameter.",
                [{"field": name[:100], "code": "unknown_parameter"}],
            )


def if_match() -> int | None:
    """The version the caller last read, if it cares.

    Entity tags carry the caller's rights too, but only versions are compared:
    what one may see does not change what one has read.

    Raises:
        InvalidInputError: 400 ``if_match_invalid``: empty, weak, not one of our
            tags, or tags of several versions.
    """
    given = request.environ.get("HTTP_IF_MATCH", "*").strip()
    if given == "*":
        return None
    tags = [_STRONG_TAG.fullmatch(tag.strip()) for tag in given.split(",")]
    versions = {int(tag[1]) for tag in tags if tag is not None}
    if None in tags or len(versions) != 1:
        raise bad_request(
            "if_match_invalid", "If-Match takes an ETag that this service gave."
        )
    return versions.pop()


def operation_id() -> str:
    """What names this request's whole effect.

    A write with an ``Idempotency-Key`` gets the same name each time; the
    service that owns the data answers a repetition with the first answer.

    Raises:
        InvalidInputError: 400 ``idempotency_key_invalid``.
    """
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or request.method in ("GET", "HEAD"):
        return new_id()
    if not _KEY.fullmatch(key):
        raise bad_request(
            "idempotency_key_invalid",
            "Idempotency-Key takes 1 to 255 printable ASCII characters.",
        )
    if g.caller is None:
        return keyed_operation_id("-", "-", key)
    return keyed_operation_id(g.caller.org_id, g.caller.principal_id, key)
