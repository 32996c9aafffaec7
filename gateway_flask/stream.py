"""One client of ``/v1/stream``: what it may see, and what it has not read yet."""

import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple

from chassis.visibility import sees
from gateway_flask import sse
from gateway_flask.org_feed import LiveEvent
from gateway_flask.seats import Seat

__all__ = ["Page", "Seen", "Stream"]

# What waits for one client here, besides what the kernel holds for it.
_MOST_WAITING: Final = 131_072
_KERNEL_BUFFER: Final = 65_536
_AT_ONCE: Final = 64
_LOST_AFTER_MS: Final = 30_000


@dataclass(frozen=True)
class Page:
    """A part of the log, as its owner showed it to callers with one sight."""

    events: list[dict[str, Any]]
    position: int
    has_more: bool

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Page":
        """From the answer of ``analytics.list_events``."""
        page = answer["page"]
        return cls(answer["data"], page["position"], page["has_more"])

    @cached_property
    def frames(self) -> bytes:
        """All its events, encoded once for all who are given it."""
        return b"".join(sse.event_frame(event) for event in self.events)

    @cached_property
    def framed_chunk(self) -> bytes:
        """The same as one chunk."""
        return sse.chunk(self.frames)


class Seen(NamedTuple):
    """A piece of the feed as those with one sight see it.

    Attributes:
        told: The position of the last event in it; None if it shows none.
    """

    first: int
    last: int
    told: int | None
    events: int
    data: bytes


class Stream:
    """A connection that events are written to, in one thread.

    Attributes:
        position: How far the client has been told, or will be by what waits.
        is_behind: It gets no live events until it has caught up from the log.
        is_fetching: A part of the log is on its way.
    """

    __slots__ = (
        "_outbox",
        "_waiting",
        "client",
        "failures",
        "is_behind",
        "is_fetching",
        "opened_at",
        "position",
        "progress_at",
        "retry_at",
        "seat",
        "sent",
        "sight",
        "told",
        "wants_write",
        "written_at",
    )

    def __init__(self, client: socket.socket, seat: Seat, page: Page) -> None:
        client.settimeout(0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
        if client.family in (socket.AF_INET, socket.AF_INET6):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LOST_AFTER_MS
            )
        self.client = client
        self.seat = seat
        self.sight = (*seat.sight, seat.is_chunked)
        self.is_behind = True
        self.is_fetching = False
        self.wants_write = False
        self.failures = 0
        self.retry_at = 0.0
        self.sent = 0
        now = time.monotonic()
        self.opened_at = self.written_at = self.progress_at = now
        self._outbox: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self.told = self.position = page.position
        self.take_page(page)

    @property
    def is_drained(self) -> bool:
        """Whether the kernel has taken everything."""
        return not self._outbox

    @property
    def is_settled(self) -> bool:
        """Whether nothing needs to be done for it until something happens."""
        return not self._outbox and not self.is_behind

    def take_page(self, page: Page) -> None:
        """Queue a part of the log."""
        if page.events:
            self._push(page.framed_chunk if self.seat.is_chunked else page.frames)
        self.sent += len(page.events)
        self.position = page.position
        if page.events:
            self.told = page.events[-1]["position"]

    def take_live(self, events: Sequence[LiveEvent]) -> None:
        """Queue those that it may see; it falls behind if there is a hole."""
        news = [event for event in events if event.position > self.position]
        if news and news[0].position > self.position + 1:
            self.is_behind = True
        elif news:
            self.take_seen(self.see(news), time.monotonic())

    def see(self, events: Sequence[LiveEvent]) -> Seen:
        """What all with the same sight are shown of some events without a hole."""
        seat = self.seat
        seen = [
            event
            for event in events
            if (not seat.types or event.name in seat.types)
            and sees(seat.caller, event.resource, event.acl)
        ]
        return Seen(
            first=events[0].position,
            last=events[-1].position,
            told=seen[-1].position if seen else None,
            events=len(seen),
            data=b"".join(
                each.framed_chunk if seat.is_chunked else each.frame for each in seen
            ),
        )

    def take_seen(self, seen: Seen, now: float) -> None:
        """Write what follows on its position at once, or queue what is left.

        It falls behind if it reads more slowly than things happen. A lost
        connection is found by the next ``flush``.
        """
        if self._waiting > _MOST_WAITING:
            self.is_behind = True
            return
        self.position = seen.last
        if seen.told is None:
            return
        self.told = seen.told
        self.sent += seen.events
        written = 0
        if not self._outbox:
            try:
                written = self.client.send(seen.data)
            except OSError:
                written = 0
            self.written_at = now
        if written < len(seen.data):
            self._push(seen.data[written:])

    def beat(self) -> None:
        """Show that it lives, and where it is if that was not told."""
        is_news = self.told != self.position
        self._push(self._framed(sse.place(self.position) if is_news else sse.HEARTBEAT))
        self.told = self.position

    def finish(self) -> None:
        """Queue the end."""
        self._push(sse.closing(is_chunked=self.seat.is_chunked))

    def flush(self, now: float) -> None:
        """Write what the kernel takes.

        Raises:
            OSError: The connection is lost.
        """
        while self._outbox:
            try:
                written = self.client.sendmsg(list(islice(self._outbox, _AT_ONCE)))
            except BlockingIOError:
                return
            self._waiting -= written
            self.progress_at = self.written_at = now
            self._drop(written)

    def _drop(self, written: int) -> None:
        while written:
            first = self._outbox.popleft()
            if len(first) > written:
                self._outbox.appendleft(memoryview(first)[written:])
                return
            written -= len(first)

    def _push(self, data: bytes) -> None:
        if not self._outbox:
            self.progress_at = time.monotonic()
        self._outbox.append(data)
        self._waiting += len(data)

    def _framed(self, frame: bytes) -> bytes:
        return sse.chunk(frame) if self.seat.is_chunked else frame
