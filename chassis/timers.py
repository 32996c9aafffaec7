"""The entrypoint for work that nobody asks for: by timer, in one process."""

import logging
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import eventlet
from eventlet.event import Event as Signal
from nameko.extensions import Entrypoint
from pymongo.errors import PyMongoError

from chassis.context import KEY, service_context
from chassis.leases import LEASES, Lease
from chassis.mongo import MongoDatabase

__all__ = ["LeasedTimer", "leased_timer"]

logger = logging.getLogger(__name__)

_BUDGET_S: Final = 60.0

Method = TypeVar("Method", bound=Callable[..., Any])


class LeasedTimer(Entrypoint):  # type: ignore[misc]
    """Calls the method every ``interval_s``, in one process of the service.

    The method gets no organization: it looks for work in all of them.
    """

    mongo = MongoDatabase()

    def __init__(self, interval_s: float, **kwargs: Any) -> None:
        self._interval_s = interval_s
        super().__init__(**kwargs)

    def start(self) -> None:
        """Begin to tick."""
        self._stopping = Signal()
        self._ticker = self.container.spawn_managed_thread(self._run)

    def stop(self) -> None:
        """Stop ticking; the lease runs out by itself."""
        if not self._stopping.ready():
            self._stopping.send(None)

    def _run(self) -> None:
        lease = Lease(
            self.mongo.database[LEASES.name],
            f"timer:{self.method_name}",
            timedelta(seconds=3 * self._interval_s),
        )
        while not self._stopping.ready():
            try:
                if lease.hold():
                    self._tick()
            except PyMongoError as error:
                logger.warning("timer skipped", extra={"error": repr(error)})
            # Spread, so that processes started together do not stay together.
            pause_s = self._interval_s * random.uniform(0.8, 1.2)  # noqa: S311
            with eventlet.Timeout(pause_s, exception=False):
                self._stopping.wait()

    def _tick(self) -> None:
        done = Signal()

        def handle_result(
            _worker_ctx: Any, result: Any, exc_info: Any
        ) -> tuple[Any, Any]:
            if exc_info is not None:
                logger.error("timer failed", exc_info=exc_info)
            done.send(None)
            return result, exc_info

        context = service_context(self.container.service_name, _BUDGET_S)
        self.container.spawn_worker(
            self, (), {}, context_data={KEY: context}, handle_result=handle_result
        )
        done.wait()


def leased_timer(interval_s: float) -> Callable[[Method], Method]:
    """Run every ``interval_s`` in one process; see :class:`LeasedTimer`."""
    return LeasedTimer.decorator(interval_s=interval_s)  # type: ignore[no-any-return]
