"""A circuit breaker: stop asking a service that takes requests but answers none.

Nygard, *Release It!*, 2nd edition, section 5.2. Closed, requests pass. After
several in a row that ran out of time it opens and requests are refused at
once, so that threads are not spent on waiting. After a pause it is half-open:
one request is let through, and what becomes of it decides.

Pure: time comes in as an argument, and the caller does the locking.
"""

from enum import StrEnum
from typing import Final

__all__ = ["Breaker", "BreakerState"]

_FAILURES_THAT_OPEN: Final = 5
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 8.0


class BreakerState(StrEnum):
    """What happens to the next request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The breaker of one service.

    Attributes:
        state: ``HALF_OPEN`` from the moment the trial request is let through.
    """

    def __init__(self) -> None:
        self.state = BreakerState.CLOSED
        self._failures = 0
        self._pause_s = _FIRST_PAUSE_S
        self._retry_at = 0.0

    def admits(self, now: float) -> bool:
        """Whether a request may pass; while open, the one after the pause may.

        Whoever was admitted tells what came of it by :meth:`succeeded` or
        :meth:`failed`; of a trial that says neither, another is let through
        after the pause.
        """
        if self.state is BreakerState.CLOSED:
            return True
        if now < self._retry_at:
            return False
        self.state = BreakerState.HALF_OPEN
        self._retry_at = now + self._pause_s
        return True

    def succeeded(self) -> None:
        """There was an answer, of whatever kind."""
        self.state = BreakerState.CLOSED
        self._failures = 0
        self._pause_s = _FIRST_PAUSE_S

    def failed(self, now: float) -> None:
        """A request ran out of time."""
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN:
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        elif self._failures < _FAILURES_THAT_OPEN or self.state is BreakerState.OPEN:
            return
        self.state = BreakerState.OPEN
        self._retry_at = now + self._pause_s
