"""The calls in flight: how many may be, and what becomes of each.

Thread-safe. A call that is admitted leaves the table once, and whoever takes
it out settles it.
"""

import logging
import threading
import time
from collections import Counter
from typing import Final

from chassis.breaker import Breaker, BreakerState
from chassis.calls import PendingCall, service_unavailable, too_busy

__all__ = ["CallTable"]

logger = logging.getLogger(__name__)

# Running out of a shorter time than this says nothing about the service.
_SLOW_S: Final = 1.0
# So long a call beyond the bound waits for another's end, while others are
# answered; a service that has been silent for as long as this is not waited for.
_PATIENCE_S: Final = 2.0
_SILENCE_S: Final = 0.5


class CallTable:
    """Counts calls, in all and by service, behind a breaker for each service.

    Args:
        max_in_flight: Calls beyond this many are refused.
        max_per_service: The same for one service; while it answers, a call
            beyond waits two seconds for one of them to end.
    """

    def __init__(self, max_in_flight: int, max_per_service: int) -> None:
        self._max_in_flight = max_in_flight
        self._max_per_service = max_per_service
        self._lock = threading.Lock()
        self._has_ended = threading.Condition(self._lock)
        self._calls: dict[str, PendingCall] = {}
        self._load: Counter[str] = Counter()
        self._stirred_at: dict[str, float] = {}
        self._breakers: dict[str, Breaker] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call: PendingCall) -> bool:
        return call.correlation_id in self._calls

    def states(self) -> dict[str, BreakerState]:
        """The state of the breaker of every service that was called."""
        with self._lock:
            return {name: breaker.state for name, breaker in self._breakers.items()}

    def admit(self, call: PendingCall) -> None:
        """Take a call in.

        Raises:
            UnavailableError: ``too_busy``, ``service_unavailable``.
        """
        with self._lock:
            if self._load[call.service] >= self._max_per_service:
                self._wait_for_an_end(call)
            if len(self._calls) >= self._max_in_flight:
                raise too_busy()
            breaker = self._breakers.setdefault(call.service, Breaker())
            if not breaker.admits(time.monotonic()):
                raise service_unavailable(call.service)
            self._calls[call.correlation_id] = call
            self._load[call.service] += 1
            if self._load[call.service] == self._max_per_service:
                self._stirred_at[call.service] = time.monotonic()

    def take(
        self, correlation_id: str, *, is_answered: bool = False
    ) -> PendingCall | None:
        """Take a call out; None if it is not, or no longer, there."""
        with self._lock:
            call = self._remove(correlation_id)
            if call is not None and is_answered:
                self._breakers[call.service].succeeded()
                self._stirred_at[call.service] = time.monotonic()
            return call

    def give_up(self, call: PendingCall) -> bool:
        """Take out a call whose time is over; false if it was taken before."""
        now = time.monotonic()
        with self._lock:
            if self._remove(call.correlation_id) is None:
                return False
            if call.sent_at and now - call.sent_at >= _SLOW_S:
                self._ran_out_of_time(call.service, now)
            return True

    def take_all(self, service: str | None = None) -> list[PendingCall]:
        """Take out all calls, or all to one service."""
        with self._lock:
            taken = [
                call
                for call in self._calls.values()
                if service is None or call.service == service
            ]
            for call in taken:
                self._remove(call.correlation_id)
            return taken

    def overdue(self, overdue_s: float) -> set[str] | None:
        """The services that owe an answer for so long; None without any calls."""
        with self._lock:
            calls = list(self._calls.values())
        if not calls:
            return None
        long_ago = time.monotonic() - overdue_s
        return {call.service for call in calls if call.sent_at < long_ago}

    def _remove(self, correlation_id: str) -> PendingCall | None:
        call = self._calls.pop(correlation_id, None)
        if call is not None:
            self._load[call.service] -= 1
            self._has_ended.notify_all()
        return call

    def _wait_for_an_end(self, call: PendingCall) -> None:
        """Wait until the service has room, for as long as it seems alive."""
        give_up_at = min(time.monotonic() + _PATIENCE_S, call.deadline)
        while self._load[call.service] >= self._max_per_service:
            silent_at = self._stirred_at[call.service] + _SILENCE_S
            remaining_s = min(give_up_at, silent_at) - time.monotonic()
            if remaining_s <= 0:
                raise too_busy()
            self._has_ended.wait(remaining_s)

    def _ran_out_of_time(self, service: str, now: float) -> None:
        breaker = self._breakers[service]
        before = breaker.state
        breaker.failed(now)
        if breaker.state is BreakerState.OPEN is not before:
            logger.warning("breaker opened", extra={"service": service})
