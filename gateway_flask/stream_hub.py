"""All streams of a process, written to by one thread.

A stream takes no request thread: once its answer has begun, its connection
comes here. What happens live is written once and sent to all who may see it;
who is behind, for whatever reason, is brought up to date from the log and
then goes on live. Nothing here is kept: a client that comes back says by
``Last-Event-ID`` where it was.
"""

import logging
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from chassis.errors import RateLimitedError, UnavailableError, WireError
from gateway_flask.catch_up import CatchUp
from gateway_flask.org_feed import OrgFeed
from gateway_flask.stream import Page, Seat, Stream

__all__ = ["StreamHub"]

logger = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 15.0
_STALLED_S: Final = 20.0
_ATTACH_WITHIN_S: Final = 30.0
_TICK_S: Final = 1.0
_SHORT_TICK_S: Final = 0.1
_DRAIN_WITHIN_S: Final = 1.0
_CLOSE_TIMEOUT_S: Final = 3.0
_LONGEST_PAUSE_S: Final = 10.0
_EXPECTED: Final = 4_096


class _Org:
    """An organization with streams here, or with one to come."""

    __slots__ = ("feed", "seats", "streams")

    def __init__(self) -> None:
        self.feed = OrgFeed()
        self.seats = 0
        self.streams: set[Stream] = set()


class StreamHub:
    """Holds streams and writes events to them.

    Args:
        catch_up: Reads the log.
        is_valid: Whether a token still is; asked with every heartbeat.
        most: The most streams of this process.
        most_per_principal: The most of one principal.
        on_change: Told with how many streams there are, and why one ended.
    """

    def __init__(
        self,
        catch_up: CatchUp,
        is_valid: Callable[[str], bool],
        *,
        most: int,
        most_per_principal: int,
        on_change: Callable[[int, str | None], None] = lambda *_: None,
        stalled_s: float = _STALLED_S,
    ) -> None:
        self._catch_up = catch_up
        self._is_valid = is_valid
        self._most = most
        self._most_per_principal = most_per_principal
        self._on_change = on_change
        self._stalled_s = stalled_s
        self._lock = threading.Lock()
        self._orgs: dict[str, _Org] = {}
        self._seats: dict[Seat, Stream | None] = {}
        self._principals: Counter[tuple[str, str]] = Counter()
        self._is_draining = False
        self._thread: threading.Thread | None = None
        self._todo: deque[Callable[[], None]] = deque()
        self._is_woken = False

    def __len__(self) -> int:
        return len(self._seats)

    def limit(self, most: int) -> None:
        """Hold no more streams than there may be open files for them."""
        if most < self._most:
            logger.warning(
                "Fewer streams than set: raise the limit of open files.",
                extra={"streams": max(most, 0), "set": self._most},
            )
            self._most = most

    def reserve(self, seat: Seat) -> None:
        """Take a seat; from now on its organization's events are listened for.

        Raises:
            RateLimitedError: ``too_many_streams`` of this principal.
            UnavailableError: ``streams_full``, or ``streams_ending``: the
                process stops.
        """
        principal = (seat.caller.org_id, seat.caller.principal_id)
        with self._lock:
            if self._is_draining:
                raise UnavailableError("streams_ending", "This process is stopping.")
            if len(self._seats) >= self._most:
                raise UnavailableError("streams_full", "Too many streams are open.")
            if self._principals[principal] >= self._most_per_principal:
                raise RateLimitedError(
                    "too_many_streams",
                    f"At most {self._most_per_principal} streams may be open.",
                )
            self._principals[principal] += 1
            self._seats[seat] = None
            self._orgs.setdefault(seat.caller.org_id, _Org()).seats += 1
            self._start()

    def leave(self, seat: Seat) -> None:
        """Give a seat back; nothing if that has been done."""
        principal = (seat.caller.org_id, seat.caller.principal_id)
        with self._lock:
            if seat not in self._seats:
                return
            del self._seats[seat]
            self._principals[principal] -= 1
            if not self._principals[principal]:
                del self._principals[principal]
            org = self._orgs[seat.caller.org_id]
            org.seats -= 1
            if not org.seats:
                del self._orgs[seat.caller.org_id]

    def attach(self, client: socket.socket, seat: Seat, page: Page) -> None:
        """Take over a connection whose answer has begun; it is closed here."""
        self._call(partial(self._attach, client, seat, page))

    def hear(self, org_id: str, events: list[dict[str, Any]]) -> None:
        """Pass events on; called by the feed."""
        if org_id in self._orgs:
            self._call(partial(self._take, org_id, events))

    def notice_gap(self) -> None:
        """Bring everybody up to date from the log; called by the feed."""
        if self._seats:
            self._call(self._start_over)

    def drain(self) -> None:
        """End every stream and take no more; safe in a signal handler."""
        self._is_draining = True
        self._call(lambda: None)

    def close(self) -> None:
        """Drain, and wait for that."""
        self.drain()
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT_S)
        self._catch_up.close()

    def _start(self) -> None:
        if self._thread is None:
            self._selector = selectors.DefaultSelector()
            self._alarm, self._bell = socket.socketpair()
            self._alarm.settimeout(0)
            self._bell.settimeout(0)
            self._selector.register(self._alarm, selectors.EVENT_READ)
            self._thread = threading.Thread(
                target=self._run, name="streams", daemon=True
            )
            self._thread.start()

    def _call(self, do: Callable[[], None]) -> None:
        self._todo.append(do)
        if self._thread is not None and not self._is_woken:
            self._is_woken = True
            try:
                self._bell.send(b"\0")
            except OSError:
                # Full means that it wakes anyway; closed, that it is over.
                return

    # Everything below runs in the hub's thread.

    def _run(self) -> None:
        next_tick = 0.0
        while not self._is_draining:
            now = time.monotonic()
            if now >= next_tick:
                self._tick(now)
                next_tick = now + self._tick_s()
            for key, mask in self._selector.select(max(next_tick - now, 0)):
                if key.data is None:
                    self._is_woken = False
                    self._alarm.recv(_EXPECTED)
                else:
                    self._serve(key.data, mask)
            while self._todo:
                self._todo.popleft()()
        self._end_all()

    def _tick_s(self) -> float:
        is_waiting = any(org.feed.is_waiting for org in list(self._orgs.values()))
        return _SHORT_TICK_S if is_waiting else _TICK_S

    def _attach(self, client: socket.socket, seat: Seat, page: Page) -> None:
        try:
            stream = Stream(client, seat, page)
        except OSError:
            client.close()
            self.leave(seat)
            return
        with self._lock:
            if seat not in self._seats:
                client.close()
                return
            self._seats[seat] = stream
            org = self._orgs[seat.caller.org_id]
        org.streams.add(stream)
        self._selector.register(client, selectors.EVENT_READ, stream)
        self._on_change(len(self._seats), None)
        self._go_on(stream, has_more=page.has_more)
        self._write(stream)

    def _take(self, org_id: str, events: list[dict[str, Any]]) -> None:
        org = self._orgs.get(org_id)
        if org is not None:
            self._spread(org, org.feed.take(events, time.monotonic()))

    def _spread(self, org: _Org, events: list[Any]) -> None:
        if not events:
            return
        for stream in list(org.streams):
            if not stream.is_behind:
                stream.take_live(events)
                self._write(stream)

    def _start_over(self) -> None:
        for org in list(self._orgs.values()):
            org.feed.forget()
            for stream in list(org.streams):
                stream.is_behind = True
                self._fetch(stream)

    def _go_on(self, stream: Stream, *, has_more: bool) -> None:
        """Live if what it lacks is remembered, else with more of the log."""
        org = self._orgs[stream.seat.caller.org_id]
        missing = None if has_more else org.feed.after(stream.position)
        stream.is_behind = missing is None
        if missing is None:
            self._fetch(stream)
        else:
            stream.take_live(missing)

    def _fetch(self, stream: Stream) -> None:
        """Ask for what follows, once the client has read what it was given."""
        now = time.monotonic()
        if stream.is_drained and not stream.is_fetching and now >= stream.retry_at:
            stream.is_fetching = True
            self._catch_up.fetch(
                stream.seat, stream.position, partial(self._call_with, stream)
            )

    def _call_with(self, stream: Stream, page: Page | WireError) -> None:
        self._call(partial(self._fetched, stream, page))

    def _fetched(self, stream: Stream, page: Page | WireError) -> None:
        stream.is_fetching = False
        if stream.seat not in self._seats:
            return
        if isinstance(page, Page):
            stream.failures = 0
            stream.take_page(page)
            self._go_on(stream, has_more=page.has_more)
            self._write(stream)
        elif isinstance(page, UnavailableError) or page.http_status >= 500:  # noqa: PLR2004
            stream.failures += 1
            pause_s = min(2.0**stream.failures / 2, _LONGEST_PAUSE_S)
            stream.retry_at = time.monotonic() + pause_s
        else:
            # A new request says what is wrong with its position or its token.
            self._end(stream, page.code)

    def _serve(self, stream: Stream, mask: int) -> None:
        if stream.seat not in self._seats:
            return
        if mask & selectors.EVENT_READ and _is_gone(stream.client):
            self._drop(stream, "client_gone")
        elif mask & selectors.EVENT_WRITE:
            self._write(stream)

    def _write(self, stream: Stream) -> None:
        try:
            stream.flush(time.monotonic())
        except OSError:
            self._drop(stream, "client_gone")
            return
        if stream.is_drained and stream.is_behind:
            self._fetch(stream)
        if stream.wants_write is stream.is_drained:
            stream.wants_write = not stream.is_drained
            write = selectors.EVENT_WRITE if stream.wants_write else 0
            self._selector.modify(stream.client, selectors.EVENT_READ | write, stream)

    def _tick(self, now: float) -> None:
        for org in list(self._orgs.values()):
            self._spread(org, org.feed.give_up_waiting(now))
        for seat, stream in list(self._seats.items()):
            if stream is not None:
                self._look_after(stream, now)
            elif now > seat.reserved_at + _ATTACH_WITHIN_S:
                self.leave(seat)

    def _look_after(self, stream: Stream, now: float) -> None:
        if time.time() >= stream.seat.caller.expires_at:
            self._end(stream, "token_expired")
        elif not self._is_admitted(stream, now):
            self._end(stream, "token_revoked")
        elif stream.is_drained:
            self._keep_up(stream, now)
        elif now > stream.progress_at + self._stalled_s:
            self._drop(stream, "client_stalled")

    def _keep_up(self, stream: Stream, now: float) -> None:
        if stream.is_behind:
            self._fetch(stream)
        if now >= stream.written_at + _HEARTBEAT_S:
            stream.beat()
            self._write(stream)

    def _is_admitted(self, stream: Stream, now: float) -> bool:
        if now < stream.checked_at + _HEARTBEAT_S:
            return True
        stream.checked_at = now
        return self._is_valid(stream.seat.token)

    def _end(self, stream: Stream, reason: str) -> None:
        """Say that this was all for now, as far as the kernel takes it at once."""
        stream.finish()
        try:
            stream.flush(time.monotonic())
        except OSError:
            reason = "client_gone"
        self._drop(stream, reason)

    def _drop(self, stream: Stream, reason: str) -> None:
        if stream.seat not in self._seats:
            return
        org = self._orgs[stream.seat.caller.org_id]
        org.streams.discard(stream)
        self._selector.unregister(stream.client)
        stream.client.close()
        self.leave(stream.seat)
        self._on_change(len(self._seats), reason)
        logger.info(
            "stream ended",
            extra={
                "request_id": stream.seat.request_id,
                "org_id": stream.seat.caller.org_id,
                "principal_id": stream.seat.caller.principal_id,
                "reason": reason,
                "events": stream.sent,
                "duration_s": round(time.monotonic() - stream.opened_at, 1),
            },
        )

    def _end_all(self) -> None:
        give_up_at = time.monotonic() + _DRAIN_WITHIN_S
        while self._seats and time.monotonic() < give_up_at:
            for stream in list(self._seats.values()):
                if stream is not None:
                    self._end(stream, "draining")
            # A request may be about to hand over its connection.
            self._selector.select(0.05)
            while self._todo:
                self._todo.popleft()()
        self._selector.close()


def _is_gone(client: socket.socket) -> bool:
    """Whether the client hung up; whatever else it says is not listened to."""
    try:
        return not client.recv(_EXPECTED)
    except BlockingIOError:
        return False
    except OSError:
        return True
