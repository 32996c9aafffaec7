"""The latest part of an organization's feed, put in order as it comes in."""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from gateway_flask import sse

__all__ = ["LiveEvent", "OrgFeed"]

_REMEMBERED: Final = 500
_MOST_EARLY: Final = 5_000
# How long a piece of the feed may be overtaken by later ones.
_PATIENCE_S: Final = 0.5


class LiveEvent:
    """An event that is written once for all who may see it."""

    __slots__ = ("acl", "frame", "framed_chunk", "name", "position", "resource")

    def __init__(self, event: Mapping[str, Any]) -> None:
        shown = dict(event)
        self.position: int = shown["position"]
        self.name: str = shown["event"]
        self.resource: str = shown.pop("resource")
        self.acl: frozenset[str] = frozenset(shown.pop("acl"))
        self.frame = sse.event_frame(shown)
        self.framed_chunk = sse.chunk(self.frame)


class OrgFeed:
    """Events of one organization as they become known, without a hole.

    Attributes:
        last: The position up to which it is known what happened; None before
            the first event.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self._recent: deque[LiveEvent] = deque(maxlen=_REMEMBERED)
        self._early: dict[int, LiveEvent] = {}
        self._early_since = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether a piece is missing that later ones have overtaken."""
        return bool(self._early)

    def forget(self) -> None:
        """Start anew: something may have been missed."""
        self.last = None
        self._recent.clear()
        self._early.clear()

    def take(self, events: Iterable[Mapping[str, Any]], now: float) -> list[LiveEvent]:
        """Add a piece of the feed; what follows without a hole by now."""
        for event in events:
            position = event["position"]
            if self.last is None:
                self.last = position - 1
            if position > self.last and position not in self._early:
                if not self._early:
                    self._early_since = now
                self._early[position] = LiveEvent(event)
        return self._in_order()

    def give_up_waiting(self, now: float) -> list[LiveEvent]:
        """Pass over a hole that was not filled in time; what comes behind it.

        Whoever needs what was in it reads the log.
        """
        is_late = now > self._early_since + _PATIENCE_S
        if not self._early or not (is_late or len(self._early) > _MOST_EARLY):
            return []
        self._recent.clear()
        self.last = min(self._early) - 1
        self._early_since = now
        return self._in_order()

    def after(self, position: int) -> list[LiveEvent] | None:
        """What came behind a position; None if that is not remembered."""
        if self.last is None or position >= self.last:
            return []
        if not self._recent or self._recent[0].position > position + 1:
            return None
        skipped = position + 1 - self._recent[0].position
        return list(islice(self._recent, skipped, None))

    def _in_order(self) -> list[LiveEvent]:
        ready: list[LiveEvent] = []
        while self.last is not None:
            event = self._early.pop(self.last + 1, None)
            if event is None:
                break
            self.last = event.position
            ready.append(event)
        self._recent.extend(ready)
        return ready
