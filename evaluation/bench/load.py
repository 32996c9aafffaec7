"""The load generator: ``python -m evaluation.bench.load``, a process of its own.

Raw HTTP/1.1 over kept connections and one epoll, so that it costs little of
the machine that it measures. It takes a plan as one JSON line on standard
input, warms up, prints ``ready``, waits for a second line, measures, and
prints its findings as one JSON line.

Closed loop (``rate`` 0): each connection sends its next request when the last
one was answered. Open loop: requests are due at a fixed rate whatever
happened to those before, and a latency counts from when its request was due.
"""

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from evaluation.bench.documents import DOCUMENT_COUNT, document_id, sample

__all__ = ["Load", "Response", "main", "parse", "requests_of"]

_READ_BYTES: Final = 65_536
_LAST_ANSWER_S: Final = 10.0
_MOST_CONNECTIONS: Final = 256
_LEAST_ERROR: Final = 400
_END_OF_HEAD: Final = b"\r\n\r\n"
# A stride that shares no factor with the number of documents visits them all.
_STRIDE: Final = 387


@dataclass(frozen=True)
class Response:
    """One whole response; ``size`` bytes of the buffer are its."""

    status: int
    size: int


def parse(buffer: bytes) -> Response | None:
    """The response at the start of ``buffer``; None while it is incomplete.

    Raises:
        ValueError: It tells no ``Content-Length``.
    """
    end = buffer.find(_END_OF_HEAD)
    if end < 0:
        return None
    start = buffer[:end].lower().find(b"\r\ncontent-length:")
    if start < 0:
        raise ValueError("a response without Content-Length")
    line_end = buffer.find(b"\r\n", start + 2)
    size = end + len(_END_OF_HEAD) + int(buffer[start + 17 : line_end])
    return Response(int(buffer[9:12]), size) if len(buffer) >= size else None


def requests_of(operation: str) -> list[bytes]:
    """The requests of an operation, to be sent in turn, over and over."""
    if operation == "echo":
        return [_request("GET", "/echo/is-anybody-there")]
    if operation == "read":
        numbers = (n * _STRIDE % DOCUMENT_COUNT for n in range(DOCUMENT_COUNT))
        return [_request("GET", f"/documents/{document_id(n)}") for n in numbers]
    return [_request("POST", "/documents", json.dumps(sample()).encode())]


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@dataclass(eq=False)
class _Connection:
    socket: socket.socket
    due_at: float = 0.0
    buffer: bytes = b""


@dataclass
class Load:
    """A load on one port; ``run`` makes it for a while, more than once if wanted.

    Attributes:
        requests: Whole requests, to be sent in turn, over and over.
        rate: Requests a second, or 0 for as many as the connections manage.
        due_us: When each of the requests in ``latencies_us`` was due, counted
            from the start.
    """

    port: int
    requests: Sequence[bytes]
    connections: int
    rate: float = 0.0
    latencies_us: list[int] = field(default_factory=list)
    due_us: list[int] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._poll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._requests = cycle(self.requests)
        for _ in range(self.connections):
            self._idle.append(self._connect())

    def run(self, seconds: float) -> float:
        """Make the load; how long it took until the last answer was there."""
        self.latencies_us.clear()
        self.due_us.clear()
        self.errors.clear()
        self._started = started = time.perf_counter()
        if self.rate:
            self._run_open(started, seconds)
        else:
            self._run_closed(started + seconds)
        took = time.perf_counter() - started
        self._drop_unanswered()
        return took

    def close(self) -> None:
        """Let go of every connection."""
        for connection in list(self._open.values()):
            self._close(connection)
        self._poll.close()

    def _run_closed(self, until: float) -> None:
        for _ in range(len(self._idle)):
            self._send(self._idle.popleft(), time.perf_counter())
        while (now := time.perf_counter()) < until:
            self._receive(until - now, resend=True)
        self._await_rest(until + _LAST_ANSWER_S)

    def _run_open(self, started: float, seconds: float) -> None:
        for number in range(int(seconds * self.rate)):
            due_at = started + number / self.rate
            while (now := time.perf_counter()) < due_at:
                self._receive(due_at - now, resend=False)
            if self._idle:
                self._send(self._idle.popleft(), due_at)
            elif len(self._open) < _MOST_CONNECTIONS:
                self._send(self._connect(), due_at)
            else:
                self.errors["no connection free"] += 1
        self._await_rest(time.perf_counter() + _LAST_ANSWER_S)

    def _await_rest(self, until: float) -> None:
        while len(self._idle) < len(self._open):
            now = time.perf_counter()
            if now >= until:
                return
            self._receive(until - now, resend=False)

    def _receive(self, timeout: float, *, resend: bool) -> None:
        # epoll itself counts in milliseconds, which is too coarse for due times.
        if not select.select([self._poll], [], [], timeout)[0]:
            return
        for number, _ in self._poll.poll(0):
            connection = self._open[number]
            if self._has_answer(connection):
                if resend:
                    self._send(connection, time.perf_counter())
                else:
                    self._idle.append(connection)

    def _has_answer(self, connection: _Connection) -> bool:
        """Read what has come; whether it completes the answer."""
        try:
            received = connection.socket.recv(_READ_BYTES)
        except OSError as error:
            return self._lost(connection, type(error).__name__)
        if not received:
            return self._lost(connection, "connection closed")
        connection.buffer += received
        response = parse(connection.buffer)
        if response is None:
            return False
        connection.buffer = connection.buffer[response.size :]
        if response.status >= _LEAST_ERROR:
            self.errors[f"status {response.status}"] += 1
        else:
            took = time.perf_counter() - connection.due_at
            self.latencies_us.append(round(took * 1_000_000))
            since_start = connection.due_at - self._started
            self.due_us.append(round(since_start * 1_000_000))
        return True

    def _lost(self, connection: _Connection, reason: str) -> bool:
        if connection in self._idle:
            # The server lets go of who asks nothing for long, as after a burst.
            self._idle.remove(connection)
        else:
            self.errors[reason] += 1
        self._close(connection)
        self._idle.append(self._connect())
        return False

    def _send(self, connection: _Connection, due_at: float) -> None:
        connection.due_at = due_at
        connection.socket.sendall(next(self._requests))

    def _connect(self) -> _Connection:
        connection = _Connection(socket.create_connection(("127.0.0.1", self.port), 10))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _close(self, connection: _Connection) -> None:
        del self._open[connection.socket.fileno()]
        self._poll.unregister(connection.socket)
        connection.socket.close()

    def _drop_unanswered(self) -> None:
        """Count what was never answered; its connection cannot be used again."""
        idle = {connection.socket.fileno() for connection in self._idle}
        for number in self._open.keys() - idle:
            self._lost(self._open[number], "no answer")


def main() -> None:
    """Carry one plan out."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    requests = [each.encode() for each in plan.get("requests", ())]
    load = Load(
        plan["port"],
        requests or requests_of(plan["operation"]),
        plan["connections"],
        plan["rate"],
    )
    load.run(plan["warm_up_s"])
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, started_at = time.process_time(), time.time()
    seconds = load.run(plan["seconds"])
    findings = {
        "started_at": started_at,
        "seconds": seconds,
        "due_us": load.due_us if load.rate else [],
        "latencies_us": load.latencies_us,
        "errors": dict(load.errors),
        "cpu_s": time.process_time() - cpu,
    }
    print(json.dumps(findings), flush=True)


if __name__ == "__main__":
    main()
