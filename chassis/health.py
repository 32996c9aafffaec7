"""Liveness and readiness of a service process, off the worker pool.

A saturated or stuck pool must not make a healthy process look dead, so the
answers come from a greenthread of their own.
"""

import logging
import time
from typing import Any, Final

import eventlet
import eventlet.wsgi
from nameko.containers import ServiceContainer
from pymongo.errors import PyMongoError

from chassis import codec
from chassis.consuming import QueueConsumer
from chassis.mongo import MongoDatabase

__all__ = ["Readiness", "serve"]

logger = logging.getLogger(__name__)

_REMEMBERED_S: Final = 1.0


class Readiness:
    """Whether a container really does its work at the moment.

    Ready means that its consumer is live on the broker and that the database
    answers; the latter is asked at most once a second.
    """

    def __init__(self, container: ServiceContainer) -> None:
        extensions = list(container.extensions)
        self._consumers = [e for e in extensions if isinstance(e, QueueConsumer)]
        self._databases = [e for e in extensions if isinstance(e, MongoDatabase)]
        self._asked_at = float("-inf")
        self._answers = False

    def checks(self) -> dict[str, bool]:
        """Each thing that readiness depends on, and whether it is well."""
        checks = {"database": self._database_answers()}
        if self._consumers:
            checks["consumer"] = all(each.is_live for each in self._consumers)
        return checks

    def _database_answers(self) -> bool:
        now = time.monotonic()
        if now - self._asked_at >= _REMEMBERED_S:
            self._asked_at = now
            self._answers = self._ping()
        return self._answers

    def _ping(self) -> bool:
        try:
            for database in self._databases:
                database.ping()
        except PyMongoError as error:
            logger.warning("database does not answer", extra={"error": repr(error)})
            return False
        return True


def serve(address: str, readiness: Readiness) -> None:
    """Answer ``/health/live`` and ``/health/ready`` on ``host:port`` for ever."""
    host, _, port = address.rpartition(":")

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        checks: dict[str, bool] = {}
        if path == "/health/ready":
            checks = readiness.checks()
        status = "200 OK" if all(checks.values()) else "503 Service Unavailable"
        if path not in {"/health/live", "/health/ready"}:
            status = "404 Not Found"
        start_response(status, [("Content-Type", codec.CONTENT_TYPE)])
        return [codec.encode({"is_ready": status.startswith("200"), "checks": checks})]

    listener = eventlet.listen((host or "127.0.0.1", int(port)))
    eventlet.spawn_n(
        eventlet.wsgi.server, listener, application, log_output=False, debug=False
    )
