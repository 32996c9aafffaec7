import json

import pytest
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
    UnsupportedTransferCoding,
)

from chassis.ids import new_id
from gateway_flask.refusals import CROWDED, LATE, refusal_of


class TestARefusal:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (InvalidRequestLine("x"), 400, "malformed_request"),
            (LimitRequestLine(9_000, 8_190), 414, "uri_too_long"),
            (ExpectationFailed("x"), 417, "expectation_failed"),
            (LimitRequestHeaders("x"), 431, "headers_too_large"),
            (UnsupportedTransferCoding("x"), 501, "transfer_coding_unsupported"),
        ],
    )
    def test_says_what_gunicorn_found(self, error, status, code):
        refusal = refusal_of(error)

        assert (status, code) == (refusal.status, refusal.code)

    @pytest.mark.parametrize("refusal", [LATE, CROWDED])
    def test_is_an_answer_like_all_others(self, refusal):
        head, _, body = refusal.encode(new_id()).partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = dict(field.split(": ") for field in fields)
        problem = json.loads(body)

        assert line.startswith(f"HTTP/1.1 {refusal.status} ")
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Content-Length"] == str(len(body))
        assert headers["Connection"] == "close"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-Id"] == problem["request_id"]
        assert (refusal.status, refusal.code) == (problem["status"], problem["code"])
        assert ("Retry-After" in headers) == (refusal is CROWDED)
