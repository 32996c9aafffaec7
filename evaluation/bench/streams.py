"""What a thousand open streams cost one gateway process, and how late they are.

``python -m evaluation.bench.streams`` against the running stack, or
:func:`measure_streams` against any gateway. A reader in a process of its own
holds the streams; writes make events at a steady rate, each known again by its
request id; reads at a steady rate show what other requests notice of it.
"""

import argparse
import http.client
import json
import multiprocessing
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from evaluation.bench.figures import quantile
from evaluation.bench.report import table

__all__ = ["StreamFigures", "measure_streams", "stream_table"]

_MARK: Final = b'"request_id":"bench-'
_TIMEOUT_S: Final = 30.0
_SETTLE_S: Final = 2.0
_READERS: Final = 4
_READS_PER_S: Final = 20
_BEGUN: Final = b"\r\n\r\n"
_KIB_PER_MB: Final = 1_024


@dataclass(frozen=True)
class StreamFigures:
    """What was measured; times in milliseconds, memory in megabytes.

    Attributes:
        memory_mb: How much more the gateway's processes held with the streams.
        latencies_ms: From sending a write to its event at each stream.
        missing: Events that some stream did not get in time.
        reads_ms: Of ordinary reads: without streams, and beside the same
            writes; with silent streams, and with streams that are sent them.
    """

    streams: int
    events: int
    open_s: float
    memory_mb: float
    latencies_ms: Sequence[float]
    missing: int
    reads_ms: Sequence[Sequence[float]]


class _Client:
    """One keep-alive connection to the gateway."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body)
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, data, {**self._headers, **more})
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise ValueError(f"{method} {path}: {response.status} {text[:200]!r}")
        return json.loads(text)


def measure_streams(
    gateway: str,
    tokens: Sequence[str],
    *,
    pids: Sequence[int],
    streams: int = 1_000,
    events: int = 100,
    per_s: float = 10.0,
) -> StreamFigures:
    """Open streams, make events, and see when they arrive.

    Args:
        gateway: Its base URL; one worker process, if the figures are to be
            those of one.
        tokens: Of one organization; each may open so many streams.
        pids: The gateway's processes, whose memory is looked at.
        streams: How many to open.
        events: How many writes to make.
        per_s: How many of them in a second.

    Raises:
        ValueError: A request was refused, or a stream did not begin.
    """
    address = urlsplit(gateway).netloc
    client = _Client(address, tokens[0])
    contact = client("POST", "/v1/contacts", {"last_name": "Bench"})["id"]
    read = _Reads(address, tokens[0], f"/v1/contacts/{contact}")
    pace_s = events / per_s
    read(1.0)
    before, reads = _memory_mb(pids), [read(pace_s)]
    reads.append(_beside(read, pace_s, lambda: _write(client, events, per_s))[0])
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    reader = context.Process(
        target=_hold, args=(there, address, list(tokens), streams), daemon=True
    )
    reader.start()
    opened, problem = here.recv()
    if problem:
        raise ValueError(problem)
    threading.Event().wait(_SETTLE_S)
    reads.append(read(pace_s))
    busy, sent = _beside(read, pace_s, lambda: _write(client, events, per_s))
    after = _memory_mb(pids)
    here.send(events)
    arrived = here.recv()
    reader.join(_TIMEOUT_S)
    late = [(at - sent[number]) * 1_000 for number, at in arrived]
    return StreamFigures(
        streams=streams,
        events=events,
        open_s=opened,
        memory_mb=after - before,
        latencies_ms=late,
        missing=streams * events - len(late),
        reads_ms=[*reads, busy],
    )


class _Reads:
    """Reads at a steady rate; a latency counts from when its request was due."""

    def __init__(self, address: str, token: str, path: str) -> None:
        self._clients = [_Client(address, token) for _ in range(_READERS)]
        self._path = path

    def __call__(self, seconds: float) -> list[float]:
        taken: list[float] = []
        threads = [
            threading.Thread(target=self._read, args=(number, seconds, taken))
            for number in range(_READERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return taken

    def _read(self, number: int, seconds: float, taken: list[float]) -> None:
        pause = threading.Event()
        started = time.monotonic() + number / _READS_PER_S
        for turn in range(round(seconds * _READS_PER_S / _READERS)):
            due = started + turn * _READERS / _READS_PER_S
            pause.wait(max(due - time.monotonic(), 0))
            self._clients[number]("GET", self._path)
            taken.append((time.monotonic() - due) * 1_000)


def _beside(
    read: _Reads, seconds: float, work: Callable[[], dict[int, float]]
) -> tuple[list[float], dict[int, float]]:
    """Read while something else is done; both of their findings."""
    taken: list[float] = []
    beside = threading.Thread(target=lambda: taken.extend(read(seconds)))
    beside.start()
    found = work()
    beside.join()
    return taken, found


def _write(client: _Client, events: int, per_s: float) -> dict[int, float]:
    sent = {}
    pause = threading.Event()
    started = time.monotonic()
    for number in range(events):
        pause.wait(max(started + number / per_s - time.monotonic(), 0))
        sent[number] = time.monotonic()
        client(
            "POST",
            "/v1/contacts",
            {"last_name": f"Bench {number}"},
            X_Request_Id=f"bench-{number}",
        )
    return sent


def _memory_mb(pids: Sequence[int]) -> float:
    """Resident memory of the processes and of their children."""
    total_kib = 0
    for stat in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(
                line.split(":", 1) for line in stat.read_text().splitlines() if line
            )
        except OSError:
            # It has ended meanwhile.
            continue
        if {int(fields["Pid"]), int(fields["PPid"])} & set(pids):
            total_kib += int(fields.get("VmRSS", "0 kB").split()[0])
    return total_kib / _KIB_PER_MB


# Everything below runs in the reader's process.


def _hold(pipe: Connection, address: str, tokens: list[str], streams: int) -> None:
    """Open the streams, and note when each event arrives at each of them."""
    started = time.monotonic()
    host, _, port = address.partition(":")
    selector = selectors.DefaultSelector()
    try:
        for number in range(streams):
            token = tokens[number % len(tokens)]
            selector.register(_open(host, int(port), token), selectors.EVENT_READ)
    except (OSError, ValueError) as error:
        pipe.send((0.0, repr(error)))
        return
    pipe.send((time.monotonic() - started, ""))
    arrived: list[tuple[int, float]] = []
    tails = dict.fromkeys((key.fileobj for key in selector.get_map().values()), b"")
    give_up_at = float("inf")
    wanted = sys.maxsize
    while len(arrived) < wanted and time.monotonic() < give_up_at:
        for key, _ in selector.select(0.2):
            tails[key.fileobj] = _take(key.fileobj, tails[key.fileobj], arrived)
        if wanted == sys.maxsize and pipe.poll():
            wanted = pipe.recv() * streams
            give_up_at = time.monotonic() + _SETTLE_S
    pipe.send(arrived)


def _open(host: str, port: int, token: str) -> socket.socket:
    opened = socket.create_connection((host, port), timeout=_TIMEOUT_S)
    opened.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    head = b""
    while _BEGUN not in head:
        head += opened.recv(4_096)
        if not head:
            raise ValueError("the gateway closed the connection")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(head.decode(errors="replace"))
    opened.settimeout(0)
    return opened


def _take(client: Any, tail: bytes, arrived: list[tuple[int, float]]) -> bytes:
    """Note the marks in what has come; what may be the beginning of another."""
    now = time.monotonic()
    data: bytes = tail + client.recv(65_536)
    start = data.find(_MARK)
    while start >= 0:
        end = data.find(b'"', start + len(_MARK))
        if end < 0:
            return data[start:]
        arrived.append((int(data[start + len(_MARK) : end]), now))
        start = data.find(_MARK, end)
    return data[-len(_MARK) :]


def stream_table(figures: StreamFigures) -> str:
    """The figures as a table for a person."""
    idle, writing, silent, busy = (quantile(each, 0.99) for each in figures.reads_ms)
    late = figures.latencies_ms
    rows = [
        ("streams open", f"{figures.streams}", f"opened in {figures.open_s:.1f} s"),
        ("memory more", f"{figures.memory_mb:.1f} MB", "< 150"),
        ("event to stream p50", f"{quantile(late, 0.5):.0f} ms", ""),
        ("event to stream p99", f"{quantile(late, 0.99):.0f} ms", "< 250"),
        ("events missing", f"{figures.missing}", "0"),
        ("read p99, no streams", f"{idle:.1f} ms", ""),
        ("read p99, silent streams", f"{silent:.1f} ms", f"{silent / idle:.2f} x, < 2"),
        ("read p99 beside writes, no streams", f"{writing:.1f} ms", ""),
        (
            "read p99 beside writes, all streams sent them",
            f"{busy:.1f} ms",
            f"{busy / writing:.2f} x, < 2",
        ),
    ]
    return table(("Streams of one process", "measured", "to reach"), rows)


def main() -> None:
    """Measure the stack whose ``./crm status --json`` is in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("status", type=Path)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--per-s", type=float, default=10.0)
    options = parser.parse_args()
    status = json.loads(options.status.read_text())
    login = {name: status["demo"][name] for name in ("email", "password")}
    client = _Client(urlsplit(status["gateway"]).netloc, "")
    token = client("POST", "/v1/auth/login", login)["access_token"]
    pids = [each["pid"] for each in status["processes"] if each["name"] == "gateway"]
    figures = measure_streams(
        status["gateway"],
        [token],
        pids=pids,
        streams=options.streams,
        events=options.events,
        per_s=options.per_s,
    )
    print(stream_table(figures))


if __name__ == "__main__":
    main()
