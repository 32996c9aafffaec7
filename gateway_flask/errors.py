"""Every error as problem details (RFC 9457), and nothing internal in them."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from chassis.errors import (
    RateLimitedError,
    RemoteError,
    UnauthenticatedError,
    UnavailableError,
    WireError,
)
from gateway_flask.access_log import route_of

__all__ = ["problem_document", "problem_of", "register_error_handlers"]

logger = logging.getLogger(__name__)

_RETRY_AFTER_S: Final = 1
_OWN_MEMBERS: Final = frozenset(
    {"type", "title", "status", "detail", "instance", "code", "request_id"}
)
_HTTP_CODES: Final = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    413: ("body_too_large", "The body may hold at most 1 MiB."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}
_INTERNAL_ERROR: Final = (
    "Something went wrong on our side. Quote the request id when you report it."
)


_BEYOND_TOKEN: Final = frozenset({"insufficient_scope", "permission_missing"})


def register_error_handlers(app: Flask) -> None:
    """Answer problem details for whatever a request raises."""
    app.register_error_handler(WireError, problem_of)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def problem_document(
    status: int, code: str, detail: str, *, instance: str, request_id: str
) -> dict[str, Any]:
    """The members that every problem has."""
    return {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
    }


def _problem(
    status: int,
    code: str,
    detail: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    document = problem_document(
        status, code, detail, instance=request.path, request_id=g.request_id
    )
    for name, value in (extra or {}).items():
        if name not in _OWN_MEMBERS:
            document[name] = value
    response = Response(
        orjson.dumps(document), status, content_type="application/problem+json"
    )
    response.headers.extend(headers)
    g.code = code
    return response


def problem_of(error: WireError) -> Response:
    """The problem document of an error, with its headers."""
    return _problem(
        error.http_status,
        error.code,
        error.message,
        extra=error.extra,
        headers=_headers(error),
    )


def _headers(error: WireError) -> list[tuple[str, str]]:
    if isinstance(error, UnauthenticatedError):
        # RFC 6750 §3: no error code where no token was given.
        given = "" if error.code == "token_missing" else ' error="invalid_token"'
        return [("WWW-Authenticate", f"Bearer{given}")]
    if error.code in _BEYOND_TOKEN:
        # RFC 6750 §3: so wherever a token does not open what is asked for.
        return [("WWW-Authenticate", 'Bearer error="insufficient_scope"')]
    if isinstance(error, RateLimitedError):
        extra = error.extra
        headers = [("Retry-After", str(extra.get("retry_after_s", _RETRY_AFTER_S)))]
        if "limit" in extra:
            headers += [
                ("RateLimit-Limit", str(extra["limit"])),
                ("RateLimit-Remaining", "0"),
                ("RateLimit-Reset", str(extra.get("reset_s", 0))),
            ]
        return headers
    if isinstance(error, UnavailableError) or "retry_after_s" in error.extra:
        wait_s = error.extra.get("retry_after_s", _RETRY_AFTER_S)
        return [("Retry-After", str(wait_s))]
    return []


def _http_exception(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    phrase = HTTPStatus(status).phrase
    code, detail = _HTTP_CODES.get(
        status, (phrase.lower().replace(" ", "_").replace("-", "_"), phrase)
    )
    allow = [
        (name, value) for name, value in error.get_headers() if name.lower() == "allow"
    ]
    return _problem(status, code, detail, headers=allow)


def _unexpected(error: Exception) -> Response:
    extra = {"request_id": g.request_id, "route": route_of(request)}
    if isinstance(error, RemoteError):
        # Its message may hold personal data; the service logged the rest.
        logger.error(
            "A service failed unexpectedly.", extra={**extra, "error": error.exc_type}
        )
    else:
        logger.error("A request failed unexpectedly.", exc_info=error, extra=extra)
    return _problem(500, "internal_error", _INTERNAL_ERROR)
