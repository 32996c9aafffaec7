"""How writers of one record give way to each other.

A write is lost where another writer was faster, and is made again on top of that.
Of those in this process who lost one, only the first in the queue tries again:
fifty that come at once make some hundred attempts, not some thousand. Writers in
other processes are given way to by waiting for some milliseconds.
"""

import random
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import eventlet

from chassis.errors import ConflictError

__all__ = ["attempts", "too_many_writers", "turn"]

_MOST: Final = 50
_AT_ONCE: Final = 2
_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1
# Whoever has less time left does not begin: a refusal is better than silence.
_LEAST_S: Final = 1.0


@dataclass
class _Queue:
    turn: threading.Lock = field(default_factory=threading.Lock)
    length: int = 0


_queues: Final[dict[str, _Queue]] = {}


def attempts(record_id: str, deadline: float, *, is_queued: bool) -> Generator[None]:
    """One step for each time that a write may be attempted, fifty; to be closed.

    Args:
        record_id: Whose writers these are.
        deadline: Until when; seconds since the epoch.
        is_queued: Whether to wait behind others for a second attempt. Not for
            whoever has locked other records, which those may wait for.

    Raises:
        ConflictError: ``too_many_writers``: there is no time left for another.
    """
    yield
    if is_queued:
        with turn(record_id, deadline):
            yield from _further(deadline)
    else:
        yield from _further(deadline)


def _further(deadline: float) -> Iterator[None]:
    for attempt in range(1, _MOST):
        if attempt >= _AT_ONCE:
            _pause(attempt, deadline)
        yield


def _pause(attempt: int, deadline: float) -> None:
    """Wait, each for another while, and longer the more attempts were lost."""
    longest_s = min(attempt * _PAUSE_S, _LONGEST_PAUSE_S)
    pause_s = random.uniform(0, longest_s)  # noqa: S311 - no secret
    if time.time() + pause_s >= deadline:
        raise too_many_writers()
    eventlet.sleep(pause_s)


@contextmanager
def turn(name: str, deadline: float) -> Iterator[None]:
    """Wait behind others in this process who do the same, and hold the turn.

    For transactions that would abort each other, to be taken before they begin.

    Args:
        name: What only one at a time is to do.
        deadline: A second before this nobody waits any more.

    Raises:
        ConflictError: ``too_many_writers``: it was others' turn for so long.
    """
    queue = _queues.setdefault(name, _Queue())
    queue.length += 1
    try:
        left_s = deadline - _LEAST_S - time.time()
        if left_s <= 0 or not queue.turn.acquire(timeout=left_s):
            raise too_many_writers()
        try:
            yield
        finally:
            queue.turn.release()
    finally:
        queue.length -= 1
        if not queue.length:
            _queues.pop(name, None)


def too_many_writers() -> ConflictError:
    """The refusal of a write that others were always faster than."""
    return ConflictError("too_many_writers", "Too many changes at once; try again.")
