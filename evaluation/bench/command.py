"""``./crm bench bus``: what is measured, in which order, and how it is shown."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from evaluation.bench.calls import CONNECTIONS, JUDGED_AT, measure_calls
from evaluation.bench.clients import THREADS, measure_clients
from evaluation.bench.counting import Meter
from evaluation.bench.events import EventSizes, measure_events
from evaluation.bench.findings import Findings, measure_and_show, say
from evaluation.bench.machine import describe
from evaluation.bench.report import (
    call_tables,
    client_table,
    event_tables,
    machine_line,
)
from evaluation.bench.servers import Servers, private_servers
from evaluation.bench.targets import call_targets, client_targets, event_targets
from stack.disposable import ignore_servers_of_others

__all__ = ["PARTS", "Options", "run_bus_benchmark"]

_QUICK_S: Final = 1.0
PARTS: Final = ("rpc", "client", "events")


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        seconds: How long each cell is measured in each round. Under a second
            makes a quick look of it: sixteen connections only, and a tenth of
            the events.
        only: One of the parts, or None for all.
    """

    seconds: float = 1.0
    rounds: int = 3
    only: str | None = None
    as_json: bool = False

    @property
    def is_quick(self) -> bool:
        """Whether a part of it all is enough."""
        return self.seconds < _QUICK_S


_Part = Callable[[Servers, Meter, Options], Findings]


def run_bus_benchmark(options: Options) -> int:
    """Measure and print; 0 unless something could not be measured.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    started = time.monotonic()
    ignore_servers_of_others()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts: dict[str, _Part] = {
        "rpc": _measure_calls,
        "client": _measure_clients,
        "events": _measure_events,
    }
    with private_servers(say) as servers, servers.database() as client:
        machine = describe(servers)
        say(machine_line(machine))
        meter = Meter(servers, client)
        chosen = {
            name: partial(part, servers, meter, options)
            for name, part in parts.items()
            if options.only in {None, name}
        }
        measure_and_show(machine, chosen, started, as_json=options.as_json)
    return 0


def _measure_calls(servers: Servers, meter: Meter, options: Options) -> Findings:
    cells = measure_calls(
        servers,
        meter,
        seconds=options.seconds,
        rounds=options.rounds,
        say=say,
        connections=() if options.is_quick else CONNECTIONS,
    )
    document = [{**vars(cell), **each.to_json()} for cell, each in cells.items()]
    return Findings(
        {"cells": document}, "\n\n".join(call_tables(cells)), call_targets(cells)
    )


def _measure_clients(servers: Servers, meter: Meter, options: Options) -> Findings:
    cells = measure_clients(
        servers,
        meter,
        seconds=options.seconds,
        rounds=options.rounds,
        say=say,
        thread_counts=(JUDGED_AT,) if options.is_quick else THREADS,
    )
    document = [
        {"threads": threads, "client": client, **each.to_json()}
        for (threads, client), each in cells.items()
    ]
    return Findings({"cells": document}, client_table(cells), client_targets(cells))


def _measure_events(servers: Servers, meter: Meter, options: Options) -> Findings:
    found = measure_events(servers, meter, _sizes(options), say)
    return Findings(
        found.to_json(), "\n\n".join(event_tables(found)), event_targets(found)
    )


def _sizes(options: Options) -> EventSizes:
    usual = EventSizes(rounds=options.rounds)
    if not options.is_quick:
        return usual
    return EventSizes(
        lag_s=usual.lag_s / 10,
        calls_s=usual.calls_s / 10,
        batch_events=usual.batch_events // 10,
        single_events=usual.single_events // 10,
        # The relay has to be seen at work more than once.
        pending_events=usual.pending_events // 2,
        rounds=options.rounds,
    )
