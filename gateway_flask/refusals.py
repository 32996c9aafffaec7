"""Answers to what never gets as far as the application."""

from http import HTTPStatus
from typing import Final, NamedTuple

import orjson
from gunicorn.http.errors import (  # type: ignore[import-untyped]
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from gateway_flask.arrival import State
from gateway_flask.errors import problem_document

__all__ = ["CROWDED", "LATE", "OF_STATE", "Refusal", "refusal_of"]

_UNREADABLE: Final = "The request cannot be read."


class Refusal(NamedTuple):
    """A problem without a request that could be told more of."""

    status: int
    code: str
    detail: str = _UNREADABLE

    def encode(self, request_id: str) -> bytes:
        """The answer as it is sent; it is the connection's last one."""
        document = problem_document(
            self.status, self.code, self.detail, instance="/", request_id=request_id
        )
        body = orjson.dumps(document)
        is_passing = self.status == HTTPStatus.SERVICE_UNAVAILABLE
        retry = "Retry-After: 1\r\n" if is_passing else ""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\n"
            "Referrer-Policy: no-referrer\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            f"X-Request-Id: {request_id}\r\n"
            f"{retry}\r\n"
        )
        return head.encode() + body


_MALFORMED: Final = Refusal(400, "malformed_request")
_URI_TOO_LONG: Final = Refusal(414, "uri_too_long")
_HEAD_TOO_LARGE: Final = Refusal(431, "headers_too_large")
_CODING_UNKNOWN: Final = Refusal(501, "transfer_coding_unsupported")

LATE: Final = Refusal(
    408, "request_timeout", "The request took too long to arrive. Send it again."
)
CROWDED: Final = Refusal(
    503, "too_busy", "Too much is arriving at once. Send it again in a moment."
)
OF_STATE: Final = {
    State.MALFORMED: _MALFORMED,
    State.URI_TOO_LONG: _URI_TOO_LONG,
    State.HEAD_TOO_LARGE: _HEAD_TOO_LARGE,
    State.CODING_UNKNOWN: _CODING_UNKNOWN,
}


def refusal_of(error: ParseException) -> Refusal:
    """How to answer what gunicorn's parser does not take."""
    if isinstance(error, LimitRequestLine):
        return _URI_TOO_LONG
    if isinstance(error, LimitRequestHeaders):
        return _HEAD_TOO_LARGE
    if isinstance(error, UnsupportedTransferCoding):
        return _CODING_UNKNOWN
    if isinstance(error, ExpectationFailed):
        return Refusal(417, "expectation_failed", "Only 100-continue can be expected.")
    return _MALFORMED
