"""Reading the organization's log for streams that are behind."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from chassis.errors import RemoteError, UnavailableError, WireError
from chassis.ids import new_id
from gateway_flask.bus import Bus
from gateway_flask.seats import Seat
from gateway_flask.stream import Page

__all__ = ["CatchUp"]

# So few that requests keep their share of svc_analytics.
_THREADS: Final = 4
_TIMEOUT_S: Final = 5.0
_MOST_EVENTS: Final = 200

_Callback = Callable[[Page | WireError], None]


class CatchUp:
    """Asks svc_analytics with the token of whoever wants to see it.

    Streams that are owed the same are given the same answer.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._wanted: dict[tuple[Any, ...], list[_Callback]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def fetch(self, seat: Seat, position: int, done: _Callback) -> None:
        """Call ``done`` with the page behind a position, on some thread."""
        key = (*seat.sight, position)
        with self._lock:
            waiting = self._wanted.get(key)
            if waiting is not None:
                waiting.append(done)
                return
            self._wanted[key] = [done]
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, "catch-up")
            self._pool.submit(self._fetch, key, seat, position)

    def close(self) -> None:
        """Ask no more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, key: tuple[Any, ...], seat: Seat, position: int) -> None:
        answer: Page | WireError
        try:
            answer = self._ask(seat, position)
        except WireError as error:
            answer = error
        except RemoteError:
            # The service logged what it was.
            answer = UnavailableError("service_unavailable", "The log is not readable.")
        with self._lock:
            waiting = self._wanted.pop(key)
        for done in waiting:
            done(answer)

    def _ask(self, seat: Seat, position: int) -> Page:
        query = {"after": str(position), "limit": str(_MOST_EVENTS)}
        if seat.types:
            query["types"] = ",".join(sorted(seat.types))
        context = {
            "auth_token": seat.token,
            "operation_id": new_id(),
            "request_id": seat.request_id,
            "traceparent": "",
        }
        reply = self._bus.call(
            "analytics",
            "list_events",
            kwargs={"query": query},
            context=context,
            timeout_s=_TIMEOUT_S,
        )
        return Page.read(reply.result)
