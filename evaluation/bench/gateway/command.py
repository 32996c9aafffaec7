"""``./crm bench gateway``: what is measured, in which order, and how it is shown."""

from typing import Final

from evaluation.bench.calls import CONNECTIONS
from evaluation.bench.counting import Meter
from evaluation.bench.figures import quantile
from evaluation.bench.findings import Findings, say
from evaluation.bench.gateway.lists import measure_lists
from evaluation.bench.gateway.overhead import measure_overhead
from evaluation.bench.gateway.reads import measure_reads
from evaluation.bench.gateway.report import list_text, overhead_text, read_text
from evaluation.bench.gateway.targets import (
    list_targets,
    read_targets,
    stream_targets,
)
from evaluation.bench.parts import Options, run_parts
from evaluation.bench.streams import measure_streams, stream_table
from evaluation.bench.world import World

__all__ = ["PARTS", "run_gateway_benchmark"]

PARTS: Final = ("get", "lists", "overhead", "streams")
_STREAMS: Final = 1_000
_EVENTS: Final = 100


def run_gateway_benchmark(options: Options) -> int:
    """Measure and print; 0 unless something could not be measured.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    measures = (_measure_reads, _measure_lists, _measure_overhead, _measure_streams)
    return run_parts(options, dict(zip(PARTS, measures, strict=True)))


def _measure_reads(world: World, meter: Meter, options: Options) -> Findings:
    cells = measure_reads(
        world,
        meter,
        seconds=options.seconds,
        rounds=options.rounds,
        say=say,
        connections=() if options.is_quick else CONNECTIONS,
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
