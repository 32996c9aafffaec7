"""``./crm bench bus``, first part: one request, three ways to the database."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, Summary, summarize
from evaluation.bench.measuring import measure
from evaluation.bench.servers import Servers
from stack.probes import Probe

__all__ = [
    "CONNECTIONS",
    "JUDGED_AT",
    "OPERATIONS",
    "PATHS",
    "Cell",
    "declare_queues",
    "measure_calls",
    "start_paths",
    "start_service",
    "stop_paths",
]

PATHS: Final = ("flask", "stock", "ours", "outbox")
OPERATIONS: Final = ("echo", "read", "write")
CONNECTIONS: Final = (1, 16, 64)
# Targets are set for this many connections, so these cells get two turns a round.
JUDGED_AT: Final = 16
_THREADS: Final = 64
_WARM_UP_S: Final = 0.4
_FIRST_WARM_UP_S: Final = 2.0
# A path's processes, by the part that they play.
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "flask": {"front": "front-flask"},
    "stock": {"front": "front-stock", "service": "stock"},
    "ours": {"front": "front-ours", "service": "bare"},
    "outbox": {"front": "front-outbox", "service": "outbox", "relay": "outbox-events"},
}
_SERVERS: Final = {"broker": "rabbitmq", "database": "mongodb"}


@dataclass(frozen=True, order=True)
class Cell:
    """One combination that is measured."""

    operation: str
    connections: int
    path: str


def start_paths(servers: Servers, paths: Sequence[str]) -> dict[str, int]:
    """Start services and fronts; the fronts' ports."""
    declare_queues(servers)
    for path in paths:
        _start_services(servers, path)
    ports: dict[str, int] = {}
    for path in paths:
        ports[path] = servers.free_port()
        _start_front(servers, path, ports[path])
    servers.await_running(*(name for path in paths for name in _PARTS[path].values()))
    return ports


def stop_paths(servers: Servers, paths: Sequence[str]) -> None:
    """Stop what ``start_paths`` started."""
    servers.stop(*(name for path in paths for name in _PARTS[path].values()))


def declare_queues(servers: Servers) -> None:
    """Queues as ``./crm up`` declares those of a service."""
    connection = servers.broker()
    channel = connection.channel()
    for service in ("bare", "outbox"):
        queue = f"rpc-{service}"
        channel.queue_declare(queue, durable=True, arguments={"x-message-ttl": 2_000})
        channel.queue_bind(queue, "nameko-rpc", f"{service}.*")
    channel.exchange_declare("outbox.events", "topic", durable=True)
    channel.queue_bind("feed-analytics", "outbox.events", "#")
    connection.close()


def _start_services(servers: Servers, path: str) -> None:
    if path == "stock":
        command = (sys.executable, "-m", "evaluation.bench.services.stock")
        servers.start("stock", command)
    elif path == "ours":
        start_service(servers, "bare", "rpc")
    elif path == "outbox":
        start_service(servers, "outbox", "rpc")
        start_service(servers, "outbox", "events")


def start_service(servers: Servers, service: str, role: str) -> str:
    """Start one role of one of our services; the name of its process."""
    name = service if role == "rpc" else f"{service}-events"
    port = servers.free_port()
    servers.start(
        name,
        (
            *(sys.executable, "-m", "chassis.launcher"),
            *(f"evaluation.bench.services.{service}", role),
        ),
        port,
        Probe("http", f"http://127.0.0.1:{port}/health/ready"),
        HEALTH_ADDRESS=f"127.0.0.1:{port}",
    )
    return name


def _start_front(servers: Servers, path: str, port: int) -> None:
    operation = "/health" if path == "outbox" else "/echo/ready"
    servers.start(
        f"front-{path}",
        (
            *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread"),
            *("--workers", "1", "--threads", str(_THREADS), "--keep-alive", "65"),
            *("--no-control-socket", "--bind", f"127.0.0.1:{port}"),
            f"evaluation.bench.fronts:create_app('{path}')",
        ),
        port,
        Probe("http", f"http://127.0.0.1:{port}{operation}"),
    )


def _cells(connection_counts: Sequence[int]) -> Iterator[Cell]:
    """In the order of measuring: the paths of one combination side by side."""
    for operation in OPERATIONS:
        for connections in (*connection_counts, JUDGED_AT):
            for path in PATHS:
                if path != "outbox" or operation == "write":
                    yield Cell(operation, connections, path)


def measure_calls(
    servers: Servers,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
    connections: Sequence[int] = CONNECTIONS,
) -> dict[Cell, Summary]:
    """Measure every cell once per round, all paths in turn.

    Raises:
        StackError: A process does not start, or dies.
        ValueError: Not one request of a cell succeeded.
    """
    say("starting the services and their fronts")
    ports = start_paths(servers, PATHS)

    def run(cell: Cell, duration: float, warm_up_s: float) -> Run:
        plan: dict[str, Any] = {
            "port": ports[cell.path],
            "operation": cell.operation,
            "connections": cell.connections,
            "rate": 0,
            "warm_up_s": warm_up_s,
            "seconds": duration,
        }
        return measure(meter, {**_PARTS[cell.path], **_SERVERS}, "load", plan)

    cells = list(_cells(connections))
    for path in PATHS:
        run(Cell("write", max((*connections, JUDGED_AT)), path), 0.1, _FIRST_WARM_UP_S)
    runs: dict[Cell, list[Run]] = {}
    for number in range(rounds):
        say(f"calls, round {number + 1} of {rounds}")
        for cell in cells:
            found = run(cell, seconds, min(_WARM_UP_S, seconds))
            runs.setdefault(cell, []).append(found)
    stop_paths(servers, PATHS)
    return {cell: summarize(each) for cell, each in runs.items()}
