"""Answers: one write of JSON, with the entity tag of what has a version."""

import hashlib
from typing import Any, Final

import orjson
from flask import Response, current_app, g, request

__all__ = ["accepted", "answer", "created", "no_content", "versioned"]

_TAG_DIGITS: Final = 8


def answer(result: Any, status: int = 200) -> Response:
    """The result as it came from its owner.

    One versioned thing gets its ``ETag``; a GET whose ``If-None-Match`` names
    that tag is answered 304.
    """
    body = orjson.dumps(result)
    tag = _entity_tag(result, body)
    if tag is None:
        response = Response(body, status, content_type="application/json")
    else:
        if "lookup" in g:
            current_app.extensions["answers"].keep(
                g.lookup, body, tag, result["version"]
            )
        response = versioned(body, tag, status)
    if g.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def versioned(body: bytes, tag: str, status: int = 200) -> Response:
    """A thing's JSON with its entity tag, or 304 if the client has it."""
    if request.method in ("GET", "HEAD") and _is_known(tag):
        return Response(status=304, headers={"ETag": tag})
    return Response(
        body, status, headers={"ETag": tag}, content_type="application/json"
    )


def created(result: Any, location: str | None = None) -> Response:
    """201 for a new thing, found under its id beside its siblings."""
    response = answer(result, 201)
    response.headers["Location"] = location or f"{request.path}/{result['id']}"
    response.autocorrect_location_header = False
    return response


def accepted(_: Any = None) -> Response:
    """202: it will be done, and there is nothing to show yet."""
    return _empty(202)


def no_content(_: Any = None) -> Response:
    """204: it is done, and there is nothing to show."""
    return _empty(204)


def _empty(status: int) -> Response:
    response = Response(status=status)
    # There is nothing that could have a type.
    del response.headers["Content-Type"]
    if g.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _entity_tag(result: Any, body: bytes) -> str | None:
    """The version, and a hash of what is shown of it to whom.

    What is derived of other records changes without a version.
    """
    if g.caller is None or not isinstance(result, dict):
        return None
    version = result.get("version")
    if not isinstance(version, int):
        return None
    shown = hashlib.sha256(body, usedforsecurity=False)
    shown.update(g.caller.rights_tag.encode())
    return f'"v{version}-{shown.hexdigest()[:_TAG_DIGITS]}"'


def _is_known(tag: str) -> bool:
    # RFC 9110 §13.1.2: the comparison is weak, a list may be given.
    given = request.environ.get("HTTP_IF_NONE_MATCH", "")
    known = [one.strip().removeprefix("W/") for one in given.split(",")]
    return given.strip() == "*" or tag in known
