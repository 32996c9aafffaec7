"""What the gateway changes of gunicorn: its log lines and its error pages."""

import resource
import socket
import sys
from http import HTTPStatus
from typing import Any

import orjson
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import (  # type: ignore[import-untyped]
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from chassis.ids import new_id
from gateway_flask.errors import problem_document
from gateway_flask.handover import HandedOver

__all__ = ["GatewayLogger", "GatewayWorker"]

_SECONDS_TO_WRITE = 1.0
_OTHER_FILES = 200


class GatewayLogger(Logger):  # type: ignore[misc]
    """Leaves gunicorn's messages to the process's own handlers."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        """Log through the root logger, which prints JSON lines."""
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")
        self.access_log.disabled = True


class GatewayWorker(ThreadWorker):  # type: ignore[misc]
    """Answers unreadable requests like all others, and says when it stops."""

    def run(self) -> None:
        """Hear events before the first request, and serve."""
        # What is open besides streams and other connections is not much.
        files = _allow_files() - self.worker_connections - _OTHER_FILES
        self.wsgi.extensions["streams"].seats.limit(files)
        self.wsgi.extensions["feed"].start()
        super().run()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Turn readiness red as soon as the worker is told to stop."""
        application = getattr(self, "wsgi", None)
        if application is not None:
            application.extensions["readiness"].drain()
            application.extensions["streams"].drain()
        super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer; a stream's connection is no longer gunicorn's afterwards."""
        try:
            return bool(super().handle_request(req, conn))
        except HandedOver as begun:
            conn.is_handed_over = True
            begun.body.give(conn.sock)
            return False

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Count the connection as done, without closing what was handed over."""
        if getattr(conn, "is_handed_over", False):
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def handle_error(
        self, req: Any, client: socket.socket, addr: Any, exc: BaseException
    ) -> None:
        """Answer problem details for what gunicorn could not read as HTTP."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, code = _reading(exc)
        document = problem_document(
            status,
            code,
            "The request cannot be read.",
            instance="/",
            request_id=new_id(),
        )
        self.log.info("Unreadable request: %s", type(exc).__name__)
        _write(client, status, orjson.dumps(document))


def _allow_files() -> int:
    """Raise the limit of open files as far as it goes; how many there may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def _reading(error: ParseException) -> tuple[int, str]:
    if isinstance(error, LimitRequestLine):
        return 414, "uri_too_long"
    if isinstance(error, LimitRequestHeaders):
        return 431, "headers_too_large"
    if isinstance(error, UnsupportedTransferCoding):
        return 501, "transfer_coding_unsupported"
    return 400, "malformed_request"


def _write(client: socket.socket, status: int, body: bytes) -> None:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    try:
        client.settimeout(_SECONDS_TO_WRITE)
        client.sendall(head.encode() + body)
    except OSError:
        # Who sends such a request rarely waits for its answer.
        return
