"""``./crm bench gateway``, first part: one contact, beside the bare baselines."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.bench.calls import CONNECTIONS, JUDGED_AT
from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, Summary, summarize
from evaluation.bench.measuring import measure
from evaluation.bench.rated import SERVERS
from evaluation.bench.servers import Servers
from evaluation.bench.world import World, request
from stack.probes import Probe

__all__ = ["PATHS", "ReadCell", "measure_reads"]

PATHS: Final = ("flask", "stock", "uncached", "cached")
_WARM_UP_S: Final = 0.5
_FIRST_WARM_UP_S: Final = 3.0
_CONTACTS: Final = 1_000
# Few enough to be in the cache of every process after a short warm-up.
_HOT_CONTACTS: Final = 100
_GATEWAY: Final = {"front": "gateway", "service": "customer-rpc-1"}
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "flask": {"front": "front-flask"},
    "stock": {"front": "front-stock", "service": "stock"},
    "uncached": _GATEWAY,
    "cached": _GATEWAY,
}


@dataclass(frozen=True, order=True)
class ReadCell:
    """One combination that is measured."""

    connections: int
    path: str


def measure_reads(
    world: World,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
    connections: Sequence[int] = CONNECTIONS,
) -> dict[ReadCell, Summary]:
    """Measure every cell once per round, those at sixteen connections twice.

    Raises:
        StackError: A process does not start, or dies.
        ValueError: Not one request of a cell succeeded.
    """
    say("starting the baselines")
    servers = world.servers
    ports = _start_baselines(servers) | {"uncached": world.port, "cached": world.port}
    requests = _requests(world)

    def run(cell: ReadCell, duration: float, warm_up_s: float) -> Run:
        plan: dict[str, Any] = {
            "port": ports[cell.path],
            "operation": "read",
            "requests": requests.get(cell.path, ()),
            "connections": cell.connections,
            "rate": 0,
            "warm_up_s": warm_up_s,
            "seconds": duration,
        }
        return measure(meter, {**_PARTS[cell.path], **SERVERS}, "load", plan)

    for path in PATHS:
        run(ReadCell(JUDGED_AT, path), 0.1, min(_FIRST_WARM_UP_S, seconds * 3))
    runs: dict[ReadCell, list[Run]] = {}
    for number in range(rounds):
        say(f"one contact, round {number + 1} of {rounds}")
        for cell in _cells(connections):
            runs.setdefault(cell, []).append(run(cell, seconds, _WARM_UP_S))
    servers.stop("front-flask", "front-stock", "stock")
    return {cell: summarize(each) for cell, each in runs.items()}


def _cells(connection_counts: Sequence[int]) -> Iterator[ReadCell]:
    """In the order of measuring: the paths of one combination side by side."""
    for connections in (*connection_counts, JUDGED_AT):
        for path in PATHS:
            yield ReadCell(connections, path)


def _start_baselines(servers: Servers) -> dict[str, int]:
    """Start them with as many processes and threads as the gateway has."""
    servers.start("stock", (sys.executable, "-m", "evaluation.bench.services.stock"))
    ports = {}
    for path in ("flask", "stock"):
        ports[path] = servers.free_port()
        servers.start(
            f"front-{path}",
            (
                *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread"),
                *("--workers", "2", "--threads", "16", "--keep-alive", "65"),
                *("--no-control-socket", "--bind", f"127.0.0.1:{ports[path]}"),
                f"evaluation.bench.fronts:create_app('{path}')",
            ),
            ports[path],
            Probe("http", f"http://127.0.0.1:{ports[path]}/echo/ready"),
        )
    servers.await_running("stock", "front-flask", "front-stock")
    return ports


def _requests(world: World) -> dict[str, list[str]]:
    """Every contact is always asked for by the same person."""
    tokens = world.tokens()
    paths = [f"/v1/contacts/{each}" for each in world.contact_ids(_CONTACTS)]
    uncached = [
        request(
            "GET", path, tokens[n % len(tokens)], headers=["Cache-Control: no-cache"]
        )
        for n, path in enumerate(paths)
    ]
    cached = [
        request("GET", path, tokens[n % len(tokens)])
        for n, path in enumerate(paths[:_HOT_CONTACTS])
    ]
    return {"uncached": uncached, "cached": cached}
