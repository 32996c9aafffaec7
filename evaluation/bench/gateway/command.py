"""``./crm bench gateway``: what is measured, in which order, and how it is shown."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evaluation.bench.calls import JUDGED_AT
from evaluation.bench.counting import Meter
from evaluation.bench.figures import quantile
from evaluation.bench.findings import Findings, say, show
from evaluation.bench.gateway.lists import measure_lists
from evaluation.bench.gateway.overhead import measure_overhead
from evaluation.bench.gateway.reads import measure_reads
from evaluation.bench.gateway.report import (
    list_text,
    overhead_text,
    read_text,
    seeded_line,
)
from evaluation.bench.gateway.targets import (
    list_targets,
    read_targets,
    stream_targets,
)
from evaluation.bench.machine import describe
from evaluation.bench.report import machine_line
from evaluation.bench.streams import measure_streams, stream_table
from evaluation.bench.world import World, filled_world
from stack.disposable import ignore_servers_of_others
from stack.errors import StackError

__all__ = ["PARTS", "Options", "run_gateway_benchmark"]

PARTS: Final = ("get", "lists", "overhead", "streams")
_QUICK_S: Final = 1.0
_STREAMS: Final = 1_000
_EVENTS: Final = 100


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        contacts: How many one organization has.
        seconds: How long each cell is measured in each round. Under a second
            makes a quick look of it: sixteen connections only, and a tenth of
            the streams and their events.
        only: One of the parts, or None for all.
    """

    contacts: int = 1_000_000
    seconds: float = 1.0
    rounds: int = 3
    only: str | None = None
    as_json: bool = False

    @property
    def is_quick(self) -> bool:
        """Whether a part of it all is enough."""
        return self.seconds < _QUICK_S


_Part = Callable[[World, Meter, Options], Findings]


def run_gateway_benchmark(options: Options) -> int:
    """Measure and print; 0 unless something could not be measured.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    started = time.monotonic()
    # Making the data is work, too.
    load = round(os.getloadavg()[0], 2)
    ignore_servers_of_others()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts: dict[str, _Part] = {
        "get": _measure_reads,
        "lists": _measure_lists,
        "overhead": _measure_overhead,
        "streams": _measure_streams,
    }
    found: dict[str, Findings] = {}
    with (
        filled_world(options.contacts, say) as world,
        world.servers.database() as client,
    ):
        machine = {**describe(world.servers), "load_average": load}
        say(machine_line(machine))
        found["data"] = Findings(vars(world.seeded), seeded_line(world.seeded), [])
        meter = Meter(world.servers, client)
        for name, part in parts.items():
            if options.only in {None, name}:
                try:
                    found[name] = part(world, meter, options)
                except ValueError as error:
                    raise StackError(f"Could not measure {name}: {error}") from error
    show(machine, found, time.monotonic() - started, as_json=options.as_json)
    return 0


def _measure_reads(world: World, meter: Meter, options: Options) -> Findings:
    cells = measure_reads(
        world,
        meter,
        seconds=options.seconds,
        rounds=options.rounds,
        say=say,
        **({"connections": (JUDGED_AT,)} if options.is_quick else {}),
    )
    document = [{**vars(cell), **each.to_json()} for cell, each in cells.items()]
    return Findings({"cells": document}, read_text(cells), read_targets(cells))


def _measure_lists(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_lists(
        world, meter, seconds=options.seconds, rounds=options.rounds, say=say
    )
    return Findings(found.to_json(), list_text(found), list_targets(found))


def _measure_overhead(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_overhead(
        world, meter, seconds=options.seconds, rounds=options.rounds, say=say
    )
    return Findings(found.to_json(), overhead_text(found), [])


def _measure_streams(world: World, _meter: Meter, options: Options) -> Findings:
    """On a gateway of one process, as the figures are those of one."""
    share = 10 if options.is_quick else 1
    say(f"{_STREAMS // share} streams")
    name = "gateway-streams"
    port = world.start_gateway(name, GATEWAY_WORKERS="1")
    found = measure_streams(
        f"http://127.0.0.1:{port}",
        world.tokens(),
        pids=[world.servers.pids()[name]],
        streams=_STREAMS // share,
        events=_EVENTS // share,
    )
    world.servers.stop(name)
    document = {
        "streams": found.streams,
        "events": found.events,
        "missing": found.missing,
        "memory_mb": found.memory_mb,
        "late_p50_ms": quantile(found.latencies_ms, 0.5),
        "late_p99_ms": quantile(found.latencies_ms, 0.99),
        "reads_p99_ms": [quantile(each, 0.99) for each in found.reads_ms],
    }
    return Findings(document, stream_table(found), stream_targets(found))
