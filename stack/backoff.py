"""How long to wait before a process that ended is started again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["CRASH_LOOP_AFTER", "Backoff"]

CRASH_LOOP_AFTER: Final = 6
_FIRST_DELAY_S: Final = 0.2
_LONGEST_DELAY_S: Final = 5.0
_CRASH_LOOP_DELAY_S: Final = 20.0
_STABLE_AFTER_S: Final = 10.0


@dataclass
class Backoff:
    """Counts the failures in a row of one process.

    Args:
        random: Answers a number from 0 up to 1; spreads the restarts of
            processes that died together.
    """

    random: Callable[[], float]
    failures: int = 0

    def next_delay_s(self, ready_for_s: float | None) -> float:
        """The wait after a run that was ready for so long, or never.

        Doubles from failure to failure. A run that was ready for ten seconds
        clears the count. A crash loop goes on at a slow, bounded rate, so
        that the process is back by itself when its cause goes away.
        """
        if ready_for_s is not None and ready_for_s >= _STABLE_AFTER_S:
            self.failures = 0
        self.failures += 1
        if self.is_crash_loop:
            delay_s = _CRASH_LOOP_DELAY_S
        else:
            delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (self.failures - 1))
        return delay_s * (1 + self.random() / 2)

    @property
    def is_crash_loop(self) -> bool:
        """Whether the process keeps ending before it was of any use."""
        return self.failures >= CRASH_LOOP_AFTER
