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
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from chassis.auth import Caller
from chassis.errors import UnavailableError, WireError
from gateway_flask.catch_up import CatchUp
from gateway_flask.org_feed import LiveEvent, OrgFeed
from gateway_flask.seats import Seat, Seats
from gateway_flask.stream import Page, Seen, Stream

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
_READ_SIZE: Final = 4_096


class _Org:
    """An organization with streams here, or with one to come."""

    __slots__ = ("feed", "streams")

    def __init__(self) -> None:
        self.feed = OrgFeed()
        self.streams: set[Stream] = set()


class StreamHub:
    """Holds streams and writes events to them.

    Args:
        seats: How many there may be.
        catch_up: Reads the log.
        is_good: Whether a caller still is; asked about once a second.
        on_change: Told how many streams there are, and why one ended.
        stalled_s: How long a client may take nothing.
    """

    def __init__(
        self,
        seats: Seats,
        catch_up: CatchUp,
        is_good: Callable[[Caller], bool],
        *,
        on_change: Callable[[int, str | None], None] = lambda *_: None,
        stalled_s: float = _STALLED_S,
    ) -> None:
        self.seats = seats
        self._catch_up = catch_up
        self._is_good = is_good
        self._on_change = on_change
        self._stalled_s = stalled_s
        self._lock = threading.Lock()
        self._is_draining = False
        self._thread: threading.Thread | None = None
        self._todo: deque[Callable[[], None]] = deque()
        self._is_woken = False
        # Only the hub's own thread touches these.
        self._next_tick = 0.0
        self._orgs: dict[str, _Org] = {}
        self._streams: dict[Seat, Stream] = {}

    def reserve(self, seat: Seat) -> None:
        """Take a seat; from now on its organization's events are listened for.

        Raises:
            RateLimitedError: ``too_many_streams`` of this principal.
            UnavailableError: ``streams_full``, or ``streams_ending``: the
                process stops.
        """
        if self._is_draining:
            raise UnavailableError("streams_ending", "This process is stopping.")
        self.seats.take(seat)
        self._start()

    def leave(self, seat: Seat) -> None:
        """Give a seat back that nobody will come for."""
        self.seats.leave(seat)

    def attach(self, client: socket.socket, seat: Seat, page: Page) -> None:
        """Take over a connection whose answer has begun; it is closed here."""
        self._call(partial(self._attach, client, seat, page))

    def hear(self, org_id: str, events: list[dict[str, Any]]) -> None:
        """Pass events on; called by the feed."""
        if self.seats.has_org(org_id):
            self._call(partial(self._take, org_id, events))

    def notice_gap(self) -> None:
        """Bring everybody up to date from the log; called by the feed."""
        self._call(self._start_over)

    def drain(self) -> None:
        """End every stream and take no more; safe in a signal handler."""
        self._is_draining = True
        self._wake()

    def close(self) -> None:
        """Drain, and wait for that."""
        self.drain()
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT_S)
        self._catch_up.close()

    def _start(self) -> None:
        with self._lock:
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
        if self._thread is not None:
            self._todo.append(do)
            self._wake()

    def _wake(self) -> None:
        if self._thread is not None and not self._is_woken:
            self._is_woken = True
            try:
                self._bell.send(b"\0")
            except OSError:
                # Full means that it wakes anyway; closed, that it is over.
                return

    # Everything below runs in the hub's thread.

    def _run(self) -> None:
        while not self._is_draining:
            try:
                self._turn()
            except Exception:
                # What is wrong with one stream or event must not end the others.
                logger.exception("The hub of streams failed in one turn.")
        self._end_all()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + self._tick_s()
            self._tick(now)
        for key, mask in self._selector.select(max(self._next_tick - now, 0)):
            if key.data is None:
                self._is_woken = False
                self._alarm.recv(_READ_SIZE)
            else:
                self._serve(key.data, mask)
        while self._todo:
            self._todo.popleft()()

    def _tick_s(self) -> float:
        is_waiting = any(org.feed.is_waiting for org in self._orgs.values())
        return _SHORT_TICK_S if is_waiting else _TICK_S

    def _org(self, org_id: str) -> _Org:
        return self._orgs.setdefault(org_id, _Org())

    def _attach(self, client: socket.socket, seat: Seat, page: Page) -> None:
        if seat not in self.seats:
            client.close()
            return
        try:
            stream = Stream(client, seat, page)
            self._selector.register(client, selectors.EVENT_READ, stream)
        except (OSError, ValueError):
            client.close()
            self.seats.leave(seat)
            return
        self._streams[seat] = stream
        self._org(seat.caller.org_id).streams.add(stream)
        self._on_change(len(self._streams), None)
        self._go_on(stream, has_more=page.has_more)
        self._write(stream)

    def _take(self, org_id: str, events: list[dict[str, Any]]) -> None:
        org = self._org(org_id)
        self._spread(org, org.feed.take(events, time.monotonic()))

    def _spread(self, org: _Org, events: list[LiveEvent]) -> None:
        if not events:
            return
        now = time.monotonic()
        before = events[0].position - 1
        shown: dict[tuple[object, ...], Seen] = {}
        for stream in list(org.streams):
            if stream.is_behind:
                continue
            if stream.position == before:
                seen = shown.get(stream.sight) or stream.see(events)
                shown[stream.sight] = seen
                stream.take_seen(seen, now)
            else:
                stream.take_live(events)
            if not stream.is_settled:
                self._write(stream)

    def _start_over(self) -> None:
        for org in self._orgs.values():
            org.feed.forget()
        for stream in list(self._streams.values()):
            stream.is_behind = True
            self._fetch(stream)

    def _go_on(self, stream: Stream, *, has_more: bool) -> None:
        """Live if what it lacks is remembered, else with more of the log."""
        feed = self._org(stream.seat.caller.org_id).feed
        missing = None if has_more else feed.after(stream.position)
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
        if stream.seat not in self._streams:
            return
        if isinstance(page, Page):
            stream.failures = 0
            stream.take_page(page)
            self._go_on(stream, has_more=page.has_more)
            self._write(stream)
        elif page.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            stream.failures += 1
            pause_s = min(2.0**stream.failures / 2, _LONGEST_PAUSE_S)
            stream.retry_at = time.monotonic() + pause_s
        else:
            # A new request says what is wrong with its position or its token.
            self._end(stream, page.code)

    def _serve(self, stream: Stream, mask: int) -> None:
        if stream.seat not in self._streams:
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
        for org_id, org in list(self._orgs.items()):
            self._spread(org, org.feed.give_up_waiting(now))
            if not self.seats.has_org(org_id):
                del self._orgs[org_id]
        for stream in list(self._streams.values()):
            self._look_after(stream, now)
        for seat in self.seats.taken():
            if seat not in self._streams and now > seat.reserved_at + _ATTACH_WITHIN_S:
                self.seats.leave(seat)

    def _look_after(self, stream: Stream, now: float) -> None:
        if time.time() >= stream.seat.caller.expires_at:
            self._end(stream, "token_expired")
        elif not self._is_good(stream.seat.caller):
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

    def _end(self, stream: Stream, reason: str) -> None:
        """Say that this was all for now, as far as the kernel takes it at once."""
        stream.finish()
        try:
            stream.flush(time.monotonic())
        except OSError:
            reason = "client_gone"
        self._drop(stream, reason)

    def _drop(self, stream: Stream, reason: str) -> None:
        if self._streams.pop(stream.seat, None) is None:
            return
        self._org(stream.seat.caller.org_id).streams.discard(stream)
        self._selector.unregister(stream.client)
        stream.client.close()
        self.seats.leave(stream.seat)
        self._on_change(len(self._streams), reason)
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
        while len(self.seats) and time.monotonic() < give_up_at:
            for stream in list(self._streams.values()):
                self._end(stream, "draining")
            # A request may be about to hand over its connection.
            self._selector.select(_SHORT_TICK_S)
            while self._todo:
                self._todo.popleft()()
        self._selector.close()
        self._alarm.close()
        self._bell.close()


def _is_gone(client: socket.socket) -> bool:
    """Whether the client hung up; whatever else it says is not listened to."""
    try:
        return not client.recv(_READ_SIZE)
    except BlockingIOError:
        return False
    except OSError:
        return True
