"""One client of ``/v1/stream``: what it may see, and what it has not read yet."""

import socket
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from chassis.auth import Caller
from chassis.visibility import sees
from gateway_flask import sse
from gateway_flask.org_feed import LiveEvent

__all__ = ["Page", "Seat", "Stream"]

# What waits for one client here, besides what the kernel holds for it.
_MOST_WAITING: Final = 262_144
_KERNEL_BUFFER: Final = 65_536
_AT_ONCE: Final = 64
_LOST_AFTER_MS: Final = 30_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Seat:
    """A place that was given to a request for a stream.

    Attributes:
        token: The caller's, with which the log is read and which ends it all.
        types: Names of the events that are wanted; of all if there are none.
        is_chunked: Whether the client takes chunks (HTTP/1.1).
    """

    caller: Caller
    token: str
    types: frozenset[str]
    is_chunked: bool
    request_id: str
    reserved_at: float = field(default_factory=time.monotonic)

    @property
    def sight(self) -> tuple[object, ...]:
        """The same for all who see the same events."""
        caller = self.caller
        rights = (caller.rights_tag, frozenset(caller.team_ids), self.types)
        return (caller.org_id, caller.principal_id, *rights)


@dataclass(frozen=True)
class Page:
    """A part of the log, as its owner showed it to one caller."""

    events: list[dict[str, Any]]
    position: int
    has_more: bool

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Page":
        """From the answer of ``analytics.list_events``."""
        page = answer["page"]
        return cls(answer["data"], page["position"], page["has_more"])


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
        "checked_at",
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
        self.is_behind = True
        self.is_fetching = False
        self.wants_write = False
        self.failures = 0
        self.retry_at = 0.0
        self.sent = 0
        now = time.monotonic()
        self.opened_at = self.checked_at = self.written_at = self.progress_at = now
        self._outbox: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self.told = self.position = page.position
        self.take_page(page)

    @property
    def is_drained(self) -> bool:
        """Whether the kernel has taken everything."""
        return not self._outbox

    def take_page(self, page: Page) -> None:
        """Queue a part of the log."""
        for event in page.events:
            self._push(self._framed(sse.event_frame(event)))
        self.sent += len(page.events)
        self.position = page.position
        if page.events:
            self.told = page.events[-1]["position"]

    def take_live(self, events: Iterable[LiveEvent]) -> None:
        """Queue those that it may see; it falls behind if there is a hole.

        It also falls behind if it reads more slowly than things happen.
        """
        for event in events:
            if event.position <= self.position:
                continue
            if event.position > self.position + 1 or self._waiting > _MOST_WAITING:
                self.is_behind = True
                return
            self.position = event.position
            if self._sees(event):
                self._push(event.framed_chunk if self.seat.is_chunked else event.frame)
                self.sent += 1
                self.told = event.position

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

    def _sees(self, event: LiveEvent) -> bool:
        types = self.seat.types
        return (not types or event.name in types) and sees(
            self.seat.caller, event.resource, event.acl
        )
