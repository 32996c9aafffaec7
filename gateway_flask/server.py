"""What gunicorn is told of the application: when it starts, stops and streams."""

import resource
import socket
import sys
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from gateway_flask.connections import Connection
from gateway_flask.handover import HandedOver
from gateway_flask.refusals import Refusal
from gateway_flask.worker import PatientWorker

__all__ = ["GatewayLogger", "GatewayWorker"]

_OTHER_FILES = 200
# A machine that starts all processes at once is slow; without a broker we serve
# as well, what needs none.
_BROKER_S = 5.0


class GatewayLogger(Logger):  # type: ignore[misc]
    """Leaves gunicorn's messages to the process's own handlers."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        """Log through the root logger, which prints JSON lines."""
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")
        self.access_log.disabled = True


class GatewayWorker(PatientWorker):
    """Gives streams away, and says when it stops."""

    def run(self) -> None:
        """Be connected to the broker before the first request, and serve."""
        # What is open besides streams and other connections is not much.
        files = _allow_files() - self.worker_connections - _OTHER_FILES
        self.wsgi.extensions["streams"].seats.limit(files)
        self.wsgi.extensions["feed"].start()
        if not self.wsgi.extensions["bus"].connect(_BROKER_S):
            self.log.warning("Serving without a broker, which does not answer.")
        super().run()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Turn readiness red as soon as the worker is told to stop."""
        application = getattr(self, "wsgi", None)
        if application is not None:
            application.extensions["readiness"].drain()
            application.extensions["streams"].drain()
        super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer; a stream's connection is no longer gunicorn's afterwards."""
        try:
            return super().handle_request(req, conn)
        except HandedOver as begun:
            conn.is_handed_over = True
            if conn.sock.waiting:
                # The hub would write before what waits; so it finds it closed.
                conn.sock.shutdown(socket.SHUT_RDWR)
            begun.body.give(conn.sock)
            return False

    def note_refusal(self, refusal: Refusal, request_id: str) -> None:
        """Log and count what the application does not hear of."""
        super().note_refusal(refusal, request_id)
        self.wsgi.extensions["metrics"].count_refused(refusal.code)


def _allow_files() -> int:
    """Raise the limit of open files as far as it goes; how many there may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return sys.maxsize if most == resource.RLIM_INFINITY else most
