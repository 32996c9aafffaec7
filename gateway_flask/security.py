"""What a browser is told: nothing may be sniffed, stored or shared."""

from flask import Response, g, request

from gateway_flask.context import is_secure
from gateway_flask.settings import Settings

__all__ = ["add_security_headers", "preflight"]

_EXPOSED = (
    "ETag, Location, Retry-After, X-Request-Id, Idempotency-Replayed, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Consistency-Token"
)
_METHODS = "GET, POST, PUT, PATCH, DELETE"
_ACCEPTED = (
    "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, "
    "If-None-Match, Last-Event-ID, X-Consistency-Token, X-Request-Id, traceparent"
)


def preflight(settings: Settings) -> Response | None:
    """The answer to a browser's question before a request (CORS), if it is one."""
    environ = request.environ
    if (
        request.method != "OPTIONS"
        or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ
        or environ.get("HTTP_ORIGIN") not in settings.cors_origins
    ):
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _ACCEPTED
    response.headers["Access-Control-Max-Age"] = "600"
    return response


def add_security_headers(response: Response, settings: Settings) -> None:
    """Add what every answer carries."""
    headers = response.headers
    headers["X-Request-Id"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    if is_secure(request, settings.trusted_proxies):
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if settings.cors_origins:
        headers.add("Vary", "Origin")
        origin = request.environ.get("HTTP_ORIGIN")
        if origin in settings.cors_origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = _EXPOSED
