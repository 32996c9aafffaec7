import json
import logging
import socket

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import (
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
)

from gateway_flask.server import GatewayLogger, GatewayWorker


@pytest.fixture
def worker():
    worker = GatewayWorker.__new__(GatewayWorker)
    worker.log = logging.getLogger("test")
    return worker


def answer_to(worker, error):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, theirs, ("127.0.0.1", 1), error)
        theirs.shutdown(socket.SHUT_WR)
        head, _, body = ours.makefile("rb").read().partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


class TestUnreadableRequests:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (InvalidRequestLine("x"), 400, "malformed_request"),
            (LimitRequestLine(9_000, 8_190), 414, "uri_too_long"),
            (LimitRequestHeaders("x"), 431, "headers_too_large"),
        ],
    )
    def test_are_answered_like_all_others(self, worker, error, status, code):
        head, problem = answer_to(worker, error)

        assert head.startswith(f"HTTP/1.1 {status} ")
        assert "application/problem+json" in head
        assert (status, code) == (problem["status"], problem["code"])

    def test_of_a_client_that_is_gone_are_let_go(self, worker):
        ours, theirs = socket.socketpair()
        ours.close()

        with theirs:
            worker.handle_error(None, theirs, None, InvalidRequestLine("x"))


class TestLogger:
    def test_leaves_printing_to_the_process(self):
        logger = GatewayLogger(Config())

        assert logger.error_log.propagate
        assert logger.error_log.handlers == []
