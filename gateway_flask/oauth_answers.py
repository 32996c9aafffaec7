"""Answers as OAuth 2.0 writes them (RFC 6749 §5)."""

import re
from typing import Any, Final

import orjson
from flask import Response, request

from chassis.errors import InvalidInputError, WireError
from gateway_flask.errors import problem_of
from gateway_flask.responses import answer

__all__ = ["WORDS", "credentials", "done", "refusal_of", "unkept"]

_FIELD: Final = re.compile(r"[a-z_]{1,40}(\.[a-z0-9_]{1,40}){0,3}")
# The codes that RFC 6749 itself has, and RFC 8628.
WORDS: Final = frozenset(
    {
        "access_denied",
        "authorization_pending",
        "expired_token",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "slow_down",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


def credentials() -> str:
    """How an application says who it is, if by a header."""
    return request.headers.get("Authorization", "")


def unkept(result: Any, status: int = 200) -> Response:
    """An answer that nobody on the way keeps."""
    response = answer(result, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def done(_: Any = None) -> Response:
    """200 with nothing in it, as RFC 7009 wants it."""
    response = Response(status=200)
    # There is nothing that could have a type.
    del response.headers["Content-Type"]
    return response


def refusal_of(error: WireError) -> Response:
    """An error in the words of OAuth 2.0, where it has one for it."""
    said = _said(error)
    if said is None:
        return problem_of(error)
    response = Response(
        orjson.dumps({"error": said, "error_description": _described(error)}),
        401 if said == "invalid_client" else 400,
        content_type="application/json",
    )
    if said == "invalid_client":
        response.headers["WWW-Authenticate"] = 'Basic realm="rapport"'
    response.headers["Pragma"] = "no-cache"
    return response


def _described(error: WireError) -> str:
    """The message, and which fields it is about.

    Of a client's text only what RFC 6749 §5.2 lets into a description.
    """
    fields = [str(each.get("field", "")) for each in error.extra.get("errors", ())]
    known = [field for field in fields if _FIELD.fullmatch(field)]
    return f"{error.message} See {', '.join(known[:10])}." if known else error.message


def _said(error: WireError) -> str | None:
    if error.code in WORDS:
        return error.code
    if not isinstance(error, InvalidInputError):
        return None
    if request.endpoint != "oauth.register_oauth_client":
        return "invalid_request"
    fields = [str(each.get("field", "")) for each in error.extra.get("errors", ())]
    is_uri = any(field.startswith("redirect_uris") for field in fields)
    return "invalid_redirect_uri" if is_uri else "invalid_client_metadata"
