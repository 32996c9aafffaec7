"""Benchmarks on a filled stack: their parts, one after another."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from evaluation.bench.counting import Meter
from evaluation.bench.findings import Findings, measure_and_show, say
from evaluation.bench.machine import describe
from evaluation.bench.report import machine_line
from evaluation.bench.world import World, filled_world
from evaluation.data.seeding import Seeded
from stack.disposable import ignore_servers_of_others

__all__ = ["Options", "Part", "run_parts"]

_QUICK_S: Final = 1.0


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        contacts: How many one organization has.
        seconds: How long each cell is measured in each round. Under a second
            makes a quick look of it: fewer connections, streams, events.
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


Part = Callable[[World, Meter, Options], Findings]


def run_parts(
    options: Options, parts: Mapping[str, Part], *, with_interactions: bool = False
) -> int:
    """Fill a stack, measure and print; 0 unless something could not be measured.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    started = time.monotonic()
    # Making the data is work, too.
    load = round(os.getloadavg()[0], 2)
    ignore_servers_of_others()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        filled_world(
            options.contacts, say, with_interactions=with_interactions
        ) as world,
        world.servers.database() as client,
    ):
        machine = {**describe(world.servers), "load_average": load}
        say(machine_line(machine))
        meter = Meter(world.servers, client)
        chosen: dict[str, Callable[[], Findings]] = {
            name: partial(part, world, meter, options)
            for name, part in parts.items()
            if options.only in {None, name}
        }
        data = partial(Findings, vars(world.seeded), _seeded_line(world.seeded), [])
        measure_and_show(
            machine, {"data": data, **chosen}, started, as_json=options.as_json
        )
    return 0


def _seeded_line(seeded: Seeded) -> str:
    """How much there is, and how long it took."""
    counts = ", ".join(f"{count} {name}" for name, count in seeded.counts.items())
    return (
        f"{counts}: {seeded.data_mb:.0f} MB, indexes {seeded.index_mb:.0f} MB; stored "
        f"in {seeded.records_s:.0f} s, indexed in {seeded.indexes_s:.0f} s"
    )
