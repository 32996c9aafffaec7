"""A pika connection that one thread reads and any thread publishes on.

pika's own adapters run everything in one event loop: a request from another
thread wakes the loop through a pipe and waits until the socket polls writable.
With many threads that is three more hand-overs of the interpreter per call.
Here whoever has a request encodes it and writes it to the socket; the thread
that reads does nothing else. The rest, from the handshake to heartbeats, is
pika's, behind its interface for adapters.
"""

import heapq
import itertools
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from pika import frame, spec
from pika.connection import Connection, Parameters
from pika.exceptions import StreamLostError

from chassis.reply_reader import ReplyReader

__all__ = ["RpcConnection"]

_READ_SIZE: Final = 262_144
# How long a read waits: while nothing is due soon, and while something is.
_LONG_S: Final = 0.5
_SHORT_S: Final = 0.1
# A broker that takes nothing for this long is as good as lost.
_SEND_TIMEOUT_S: Final = 5.0
_FRAME_OVERHEAD: Final = 8


class _Timer:
    """Something to be called later, unless its callback is taken away."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], Any]) -> None:
        self.callback: Callable[[], Any] | None = callback


class RpcConnection(Connection):  # type: ignore[misc]
    """One connection; :meth:`run` connects it and reads until it ends.

    Arguments are those of ``pika.connection.Connection``. Callbacks are called
    in the thread that runs it. From other threads only :meth:`publish`,
    :meth:`call_soon`, :meth:`call_later` and :meth:`end` may be called.
    """

    def __init__(self, parameters: Parameters, **callbacks: Any) -> None:
        self._socket: Any = None
        self._is_ending = False
        self._sending = threading.Lock()
        self._scheduling = threading.Lock()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._order = itertools.count()
        self._callbacks: deque[Callable[[], Any]] = deque()
        self._read_timeout_s = 0.0
        self._receive_timeout_error: type[OSError] = BlockingIOError
        self._replies = ReplyReader()
        self._published: dict[tuple[str, str], bytes] = {}
        super().__init__(parameters, **callbacks)

    def run(self) -> None:
        """Connect and serve the connection until it is lost or ended."""
        try:
            self._open_socket()
            # Until the connection is open no heartbeat watches it.
            self.call_later(self.params.stack_timeout, self._end_unless_open)
            self._on_stream_connected()
            while not self._is_ending:
                self._run_due()
                self._take(self._receive())
        except OSError as error:
            self._error = StreamLostError(repr(error))
        finally:
            self._is_ending = True
            if self._socket is not None:
                self._socket.close()
        self._on_stream_terminated(self._error or StreamLostError("ended"))

    def take_replies(
        self, channel: int, on_reply: Callable[[spec.BasicProperties, bytes], None]
    ) -> None:
        """Hand deliveries on this channel over directly from now on."""
        self._replies.take_from(channel, on_reply)

    def publish(
        self,
        channel_number: int,
        exchange: str,
        routing_key: str,
        properties: spec.BasicProperties,
        body: bytes,
    ) -> None:
        """Send a mandatory message, from any thread, without waiting for more.

        Raises:
            OSError: The connection is lost, or has been stuck for five seconds.
        """
        method = self._published.get((exchange, routing_key))
        if method is None:
            publish = spec.Basic.Publish(
                exchange=exchange, routing_key=routing_key, mandatory=True
            )
            method = frame.Method(channel_number, publish).marshal()
            # As many as there are methods to call.
            self._published[exchange, routing_key] = method
        parts = [method, frame.Header(channel_number, len(body), properties).marshal()]
        size = self.params.frame_max - _FRAME_OVERHEAD
        for start in range(0, len(body), size):
            part = body[start : start + size]
            parts.append(frame.Body(channel_number, part).marshal())
        self._send(b"".join(parts))

    def call_soon(self, callback: Callable[[], Any]) -> None:
        """Call in the reading thread, after what it reads next."""
        self._callbacks.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], Any]) -> _Timer:
        """Call in the reading thread, after this long and a tenth of a second."""
        timer = _Timer(callback)
        due = time.monotonic() + delay_s
        with self._scheduling:
            heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    def end(self) -> None:
        """Close at once, whatever is under way."""
        self._is_ending = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It is closed already.
                return

    def _end_unless_open(self) -> None:
        if not self.is_open:
            raise TimeoutError("The broker did not open the connection in time.")

    def _open_socket(self) -> None:
        address = (self.params.host, self.params.port)
        opened = socket.create_connection(address, self.params.socket_timeout)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(opened, "act_non_blocking"):
            # A green thread's socket, which does the waiting itself.
            self._receive_timeout_error = TimeoutError
        else:
            # The kernel's own limits cost no poll before each read and write.
            opened.settimeout(None)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_LONG_S))
        self._socket = opened

    def _receive(self) -> bytes:
        """What there is to read; nothing if none came for a while."""
        with self._scheduling:
            due = self._timers[0][0] if self._timers else float("inf")
        is_soon = due - time.monotonic() < _LONG_S
        self._set_read_timeout(_SHORT_S if is_soon else _LONG_S)
        try:
            data: bytes = self._socket.recv(_READ_SIZE)
        except self._receive_timeout_error:
            return b""
        if not data and not self._is_ending:
            raise ConnectionResetError("The broker closed the connection.")
        return data

    def _take(self, data: bytes) -> None:
        # The library's heartbeat looks at this figure for signs of life.
        self.bytes_received += len(data)
        others = self._replies.feed(data) if data else b""
        if others:
            self._on_data_available(others)

    def _set_read_timeout(self, timeout_s: float) -> None:
        if timeout_s == self._read_timeout_s:
            return
        self._read_timeout_s = timeout_s
        if self._receive_timeout_error is TimeoutError:
            self._socket.settimeout(timeout_s)
        else:
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(timeout_s)
            )

    def _run_due(self) -> None:
        while self._callbacks:
            self._callbacks.popleft()()
        now = time.monotonic()
        while True:
            with self._scheduling:
                if not self._timers or self._timers[0][0] > now:
                    return
                timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                timer.callback()

    def _send(self, data: bytes) -> None:
        """Write all of it; another thread's frames must not come in between."""
        if self._socket is None:
            raise ConnectionResetError("not connected")
        with self._sending:
            view = memoryview(data)
            give_up_at = time.monotonic() + _SEND_TIMEOUT_S
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except (BlockingIOError, TimeoutError):
                    if time.monotonic() > give_up_at or self._is_ending:
                        self.end()
                        raise

    # What pika asks of an adapter.

    def _adapter_connect_stream(self) -> None:
        """Nothing yet: ``run`` connects."""

    def _adapter_disconnect_stream(self) -> None:
        self._is_ending = True

    def _adapter_emit_data(self, data: bytes) -> None:
        self._send(data)

    def _adapter_call_later(self, delay: float, callback: Callable[[], Any]) -> _Timer:
        return self.call_later(delay, callback)

    def _adapter_remove_timeout(self, timeout_id: _Timer) -> None:
        timeout_id.callback = None

    def _adapter_add_callback_threadsafe(self, callback: Callable[..., Any]) -> None:
        self.call_soon(callback)


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("ll", whole, int((seconds - whole) * 1_000_000))
