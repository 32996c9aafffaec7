"""``./crm bench customer``: what is measured, in which order, and how it is shown."""

from typing import Final

from evaluation.bench.counting import Meter
from evaluation.bench.customer.bulk import bulk_targets, measure_bulk
from evaluation.bench.customer.history import history_targets, measure_history
from evaluation.bench.customer.memory import measure_memory, memory_targets
from evaluation.bench.customer.reads import measure_reads, read_targets
from evaluation.bench.customer.report import (
    bulk_text,
    history_text,
    memory_text,
    read_text,
    segment_text,
)
from evaluation.bench.customer.segments import measure_segments, segment_targets
from evaluation.bench.findings import Findings, say
from evaluation.bench.parts import Options, run_parts
from evaluation.bench.world import World

__all__ = ["PARTS", "run_customer_benchmark"]

PARTS: Final = ("reads", "segments", "history", "bulk", "memory")
# Of the mixed load, for each second of a cell.
_MEMORY_S: Final = 600.0
# Of a bulk update, and of its undoing, at most.
_BULK_S: Final = 60.0


def run_customer_benchmark(options: Options) -> int:
    """Measure and print; 0 unless something could not be measured.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    measures = (
        _measure_reads,
        _measure_segments,
        _measure_history,
        _measure_bulk,
        _measure_memory,
    )
    parts = dict(zip(PARTS, measures, strict=True))
    return run_parts(options, parts, with_interactions=True)


def _measure_reads(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_reads(
        world, meter, seconds=options.seconds, rounds=options.rounds, say=say
    )
    document = [
        {"reading": read.name, "rate": read.rate, **rated.to_json()}
        for read, rated in found.items()
    ]
    return Findings({"rated": document}, read_text(found), read_targets(found))


def _measure_segments(world: World, _meter: Meter, options: Options) -> Findings:
    found = measure_segments(world, rounds=options.rounds, say=say)
    return Findings(found.to_json(), segment_text(found), segment_targets(found))


def _measure_history(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_history(
        world, meter, seconds=options.seconds, rounds=options.rounds, say=say
    )
    return Findings(found.to_json(), history_text(found), history_targets(found))


def _measure_bulk(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_bulk(world, meter, seconds=options.seconds * _BULK_S, say=say)
    return Findings(found.to_json(), bulk_text(found), bulk_targets(found))


def _measure_memory(world: World, meter: Meter, options: Options) -> Findings:
    found = measure_memory(world, meter, seconds=options.seconds * _MEMORY_S, say=say)
    return Findings(found.to_json(), memory_text(found), memory_targets(found))
