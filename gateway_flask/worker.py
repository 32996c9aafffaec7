"""The worker that gunicorn runs: it waits for all clients in one thread.

A thread is given a request once all of it is there, and need not wait until
its answer has been read: slow clients cost memory, which is bounded, and no
threads. TLS ends at a proxy before us.
"""

import errno
import io
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from gunicorn.http.body import ChunkedReader  # type: ignore[import-untyped]
from gunicorn.http.errors import (  # type: ignore[import-untyped]
    InvalidChunkSize,
    NoMoreData,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from chassis.config import number
from chassis.ids import new_id
from gateway_flask.arrival import Arrival, State
from gateway_flask.connections import Connection, Queue
from gateway_flask.refusals import CROWDED, LATE, OF_STATE, Refusal, refusal_of

__all__ = ["Patience", "PatientWorker"]

_READ_SIZE: Final = 65_536
_LOOK_EVERY_S: Final = 0.2
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_FILES_LEFT: Final = (errno.EMFILE, errno.ENFILE)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long clients are waited for, and how much is kept for them meanwhile.

    Attributes:
        head_s: From the first byte of a request to the last of its head.
        body_s: From there to the last of its body.
        answer_s: From the answer to when the client has taken it.
        goodbye_s: How long we listen to who was told that the connection ends:
            closing at once could make the client's kernel drop the answer
            (RFC 9112 §9.6).
        most_bytes: Of requests and answers of one process together.
        stopping_s: A process that stops waits this long at most for each of
            these.
        stopping_idle_s: And this long for a next request, so that whoever
            uses a connection now and then is told on it that it ends.
    """

    head_s: float = 10.0
    body_s: float = 30.0
    answer_s: float = 30.0
    goodbye_s: float = 2.0
    most_bytes: int = 67_108_864
    stopping_s: float = 5.0
    stopping_idle_s: float = 2.0

    @classmethod
    def load(cls) -> "Patience":
        """Read what can be set.

        Raises:
            MissingSettingError: It is no number.
        """
        return cls(
            head_s=number("GATEWAY_HEAD_S", 10),
            body_s=number("GATEWAY_BODY_S", 30),
            answer_s=number("GATEWAY_ANSWER_S", 30),
            most_bytes=number("GATEWAY_BUFFER_BYTES", 67_108_864),
        )


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Reads requests and writes answers in gunicorn's poller."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        patience = self._patience = Patience.load()
        self._idle = Queue(self.cfg.keepalive)
        self._heads = Queue(patience.head_s)
        self._bodies = Queue(patience.body_s)
        self._answers = Queue(patience.answer_s)
        self._goodbyes = Queue(patience.goodbye_s)
        self._waiting = {
            State.EMPTY: self._idle,
            State.HEAD: self._heads,
            State.BODY: self._bodies,
        }
        self._held = 0
        self._next_look = 0.0

    def note_refusal(self, refusal: Refusal, request_id: str) -> None:
        """Called whenever something is refused; from any thread."""
        extra = {"request_id": request_id, "code": refusal.code}
        self.log.info("refused a request", extra=extra)

    def _answer_to(self, refusal: Refusal) -> bytes:
        request_id = new_id()
        self.note_refusal(refusal, request_id)
        return refusal.encode(request_id)

    def accept(self, listener: Any) -> bool:
        """Take a connection; no thread sees it before a request is there."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in _NO_FILES_LEFT and (one := self._least_missed()):
                self._close(one)
            # Otherwise somebody else took it, or it is gone already.
            return False
        self.nr_conns += 1
        try:
            conn = Connection(self.cfg, client, address, lambda: not self.alive)
        except OSError:
            self.nr_conns -= 1
            client.close()
            return True
        self._wait_for_request(conn)
        return True

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        """Serve who has knocked before the door is shut for good."""
        super().set_accept_enabled(enabled and self.alive)
        if not self.alive:
            for listener in self.sockets:
                while self.accept(listener):
                    continue
                listener.close()

    def _wait_for_request(self, conn: Connection) -> None:
        conn.begin_next()
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))
        self._go_on(conn)

    def _read(self, conn: Connection, client: socket.socket) -> None:
        try:
            data = client.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            conn.arrival.add(data)
            self._go_on(conn)
        else:
            self._close(conn)

    def _go_on(self, conn: Connection) -> None:
        state = conn.arrival.state
        self._hold(conn, len(conn.arrival))
        if state is State.COMPLETE:
            self._forget(conn)
            conn.begin()
            self.enqueue_req(conn)
        elif state in OF_STATE:
            self._refuse(conn, OF_STATE[state])
        elif conn.queue is not (queue := self._waiting[state]):
            queue.add(conn)
            if state is State.BODY and conn.arrival.wants_continue:
                with suppress(OSError):
                    conn.sock.sendall(_CONTINUE)

    def _hold(self, conn: Connection, size: int) -> None:
        """Count what is kept for a connection, until its answer is sent."""
        self._held += size - conn.held
        conn.held = size

    def _forget(self, conn: Connection) -> None:
        """Wait for nothing of the client any longer."""
        Queue.discard(conn)
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _close(self, conn: Connection) -> None:
        self._forget(conn)
        self._hold(conn, 0)
        self.nr_conns -= 1
        conn.close()

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Wait for the next request, for the answer to be read, or say goodbye."""
        if conn.is_handed_over:
            self._hold(conn, 0)
            self.nr_conns -= 1
            return
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        self._send(conn, is_kept=is_kept and conn.is_in_step)

    def _send(self, conn: Connection, *, is_kept: bool) -> None:
        try:
            conn.sock.settimeout(0)
            is_sent = conn.sock.flush()
        except OSError:
            self._close(conn)
            return
        self._hold(conn, conn.sock.waiting)
        if not is_sent:
            if conn.queue is not self._answers:
                self._answers.add(conn)
                self.poller.register(
                    conn.sock,
                    selectors.EVENT_WRITE,
                    lambda _: self._send(conn, is_kept=is_kept),
                )
            return
        if conn.queue is self._answers:
            self._forget(conn)
        if is_kept:
            self._wait_for_request(conn)
        else:
            self._say_goodbye(conn)

    def _say_goodbye(self, conn: Connection) -> None:
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._goodbyes.add(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self._ignore, conn)
        )

    def _ignore(self, conn: Connection, client: socket.socket) -> None:
        try:
            if client.recv(_READ_SIZE):
                return
        except BlockingIOError:
            return
        except OSError:
            # It hung up, less politely than by an end.
            pass
        self._close(conn)

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's
        """Let go of those that made us wait too long, or of too many."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY_S
            self._let_go_of_late_ones()
        while self._held > self._patience.most_bytes and self._let_go_of_bytes():
            continue
        most = 0 if force else self.worker_connections - 1
        while self.nr_conns > most and (one := self._least_missed()):
            self._close(one)

    def _let_go_of_late_ones(self) -> None:
        for conn in chain(self._goodbyes.overdue(), self._answers.overdue()):
            self._close(conn)
        for conn in chain(self._heads.overdue(), self._bodies.overdue()):
            self._refuse(conn, LATE)
        for conn in self._idle.overdue():
            # A request may have come just now.
            self._read(conn, conn.sock)
            if conn.queue is self._idle:
                self._close(conn)

    def _let_go_of_bytes(self) -> bool:
        if conn := self._bodies.oldest():
            self._refuse(conn, CROWDED)
        elif conn := self._answers.oldest() or self._heads.oldest():
            self._close(conn)
        return conn is not None

    def _least_missed(self) -> Connection | None:
        order = (self._goodbyes, self._idle, self._heads, self._bodies, self._answers)
        return next((one for queue in order if (one := queue.oldest())), None)

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait for nobody for long; called by gunicorn when it stops."""
        del deadline
        self._idle.hurry(self._patience.stopping_idle_s)
        for queue in (self._heads, self._bodies, self._answers):
            queue.hurry(self._patience.stopping_s)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request that has arrived as far as it is waited for."""
        # The client was told to go on when the head had arrived.
        req._expected_100_continue = False  # noqa: SLF001 - gunicorn's
        is_chunked = isinstance(req.body.reader, ChunkedReader)
        if is_chunked and not conn.parser.unreader.is_cut:
            _join_chunks(req)
        return bool(super().handle_request(req, conn))

    def handle_error(
        self, req: Any, client: socket.socket, addr: Any, exc: BaseException
    ) -> None:
        """Answer problem details for what gunicorn could not read as HTTP."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        refused = self._answer_to(refusal_of(exc))
        with suppress(OSError):
            client.sendall(refused)

    def _refuse(self, conn: Connection, refusal: Refusal) -> None:
        """Answer a request that did not get as far as a thread."""
        self._forget(conn)
        conn.arrival = Arrival()
        refused = self._answer_to(refusal)
        with suppress(OSError):
            conn.sock.sendall(refused)
        self._send(conn, is_kept=False)


def _join_chunks(req: Any) -> None:
    """Find what is wrong with chunks and trailers before anybody uses them.

    Raises:
        ParseException: Something is.
    """
    try:
        req.body = io.BytesIO(req.body.read())
    except NoMoreData:
        raise InvalidChunkSize(b"") from None
