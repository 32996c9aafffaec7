"""A client's connection, which no thread ever waits for."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.http.unreader import Unreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]
from werkzeug.exceptions import RequestEntityTooLarge

from gateway_flask.arrival import Arrival

__all__ = ["Connection", "PatientSocket", "Queue"]

# Of one answer that is written faster than it is read, so much waits here.
_MOST_UNSENT: Final = 8_388_608
_MOST_AT_ONCE: Final = 64
_SECONDS_TO_READ_AN_ANSWER: Final = 5.0


class PatientSocket(socket.socket):
    """Takes what is to be sent at once, and keeps what the kernel does not.

    Attributes:
        waiting: How many bytes are kept.
        is_head_next: What is sent next is the head of an answer. It goes out
            together with what follows: one packet, and one call.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.waiting = 0
        self.is_head_next = False
        self._unsent: deque[bytes | memoryview] = deque()

    def sendall(self, data: Any, _flags: int = 0, /) -> None:
        """Send, or keep for later; waits only for who reads far too slowly.

        Raises:
            OSError: The connection is lost, or too much waits for too long.
        """
        self._unsent.append(data)
        self.waiting += len(data)
        if self.is_head_next:
            self.is_head_next = False
        elif not self.flush() and self.waiting > _MOST_UNSENT:
            self._send_all_that_waits()

    def flush(self) -> bool:
        """Send what the kernel takes; whether that was all.

        Raises:
            OSError: The connection is lost.
        """
        while self.waiting:
            try:
                sent = self.sendmsg(
                    islice(self._unsent, _MOST_AT_ONCE), (), socket.MSG_DONTWAIT
                )
            except BlockingIOError:
                return False
            self._forget(sent)
        self._unsent.clear()
        return True

    def _forget(self, sent: int) -> None:
        self.waiting -= sent
        while sent:
            first = self._unsent.popleft()
            if sent < len(first):
                self._unsent.appendleft(memoryview(first)[sent:])
            sent -= min(sent, len(first))

    def _send_all_that_waits(self) -> None:
        everything = b"".join(self._unsent)
        self._unsent.clear()
        self.waiting = 0
        self.settimeout(_SECONDS_TO_READ_AN_ANSWER)
        super().sendall(everything)


class _Arrived(Unreader):  # type: ignore[misc]
    """Gives gunicorn's parser what has arrived; behind it is the end.

    Attributes:
        is_cut: Behind it is the rest of a body that is too large.
        ran_dry: More was asked for: where the next request would begin is not
            known any longer.
        is_stopping: Whether there are no further requests.
    """

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        super().__init__()
        self.is_stopping = is_stopping
        self.is_cut = False
        self.ran_dry = False

    def chunk(self, _size_hint: int | None = None) -> bytes:
        self.ran_dry = True
        if self.is_cut:
            raise RequestEntityTooLarge
        return b""


class _Request(Request):  # type: ignore[misc]
    """Decides when its answer begins whether it is the last of its connection."""

    _is_last: bool | None = None

    def should_close(self) -> bool:
        """What the client is told, and nothing else afterwards."""
        if self._is_last is None:
            self._is_last = (
                super().should_close()
                or self.unreader.is_cut
                or self.unreader.is_stopping()
            )
        return self._is_last


class _Parser(RequestParser):  # type: ignore[misc]
    mesg_class = _Request


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has arrived on it.

    Attributes:
        queue: Where it waits, if it waits for its client.
        deadline: Until when.
        held: How many bytes are counted as kept for it.
        is_handed_over: It is a stream now, and not ours any longer.
    """

    def __init__(
        self,
        cfg: Any,
        accepted: socket.socket,
        address: Any,
        is_stopping: Callable[[], bool],
    ) -> None:
        server = accepted.getsockname()
        super().__init__(cfg, PatientSocket(accepted), address, server)
        self.initialized = True
        self.parser = _Parser(cfg, iter(()), address)
        self.parser.unreader = _Arrived(is_stopping)
        self.arrival = Arrival()
        self.queue: Queue | None = None
        self.deadline = 0.0
        self.held = 0
        self.is_handed_over = False

    @property
    def is_in_step(self) -> bool:
        """Whether it is known where the next request begins."""
        unreader = self.parser.unreader
        return not (unreader.ran_dry or unreader.is_cut)

    def begin(self) -> None:
        """Let the parser read what has arrived."""
        self.parser.unreader.is_cut = self.arrival.is_cut
        self.parser.unreader.unread(self.arrival.take())
        self.sock.is_head_next = True

    def begin_next(self) -> None:
        """Look at what came behind the last request."""
        self.arrival = Arrival(self.parser.unreader.take_buffered())


class Queue:
    """Connections that wait equally long for the same, the oldest first."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        """Let one wait here from now on, and nowhere else."""
        self.discard(connection)
        connection.deadline = time.monotonic() + self._patience_s
        connection.queue = self
        self._waiting[connection] = None

    @staticmethod
    def discard(connection: Connection) -> None:
        """Let one wait nowhere."""
        if connection.queue is not None:
            connection.queue._waiting.pop(connection, None)  # noqa: SLF001 - ours
            connection.queue = None

    def hurry(self, patience_s: float) -> None:
        """Wait no longer than this from now on, for those here as well."""
        self._patience_s = min(self._patience_s, patience_s)
        latest = time.monotonic() + self._patience_s
        for connection in self._waiting:
            connection.deadline = min(connection.deadline, latest)

    def oldest(self) -> Connection | None:
        """Whoever has waited longest."""
        return next(iter(self._waiting), None)

    def overdue(self) -> Iterator[Connection]:
        """Those that have waited too long; the caller lets each of them go."""
        now = time.monotonic()
        while (oldest := self.oldest()) is not None and oldest.deadline <= now:
            yield oldest
