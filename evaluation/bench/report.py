"""The findings as tables for a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from evaluation.bench.calls import CONNECTIONS, OPERATIONS, PATHS, Cell
from evaluation.bench.events import FEED, ONE_WRITE, SINGLE, EventFigures
from evaluation.bench.figures import Summary, quantile
from evaluation.bench.targets import Target, call_ratio, client_ratio

__all__ = [
    "call_tables",
    "client_table",
    "event_tables",
    "machine_line",
    "spread",
    "table",
    "target_table",
]

_PARTS: Final = ("front", "service", "relay", "broker", "database", "load")
_TITLES: Final = {
    "echo": "Echo",
    "read": "Read one document",
    "write": "Write one document",
}
_LABELS: Final = {
    "flask": "flask (no bus)",
    "stock": "stock nameko",
    "ours": "ours",
    "outbox": "ours + outbox",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need; the first to the left, all else to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def machine_line(machine: Mapping[str, Any]) -> str:
    """Where it ran, and whether it had the machine for itself."""
    described = {name: value for name, value in machine.items() if name != "cores"}
    load = described.pop("load_average")
    versions = ", ".join(f"{name} {value}" for name, value in described.items())
    return f"{machine['cores']} cores, load average {load} before; {versions}"


def spread(values: Sequence[float]) -> str:
    """The median and, if there are several, the extremes."""
    middle = f"x{median(values):.2f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.2f}-{max(values):.2f})"


def call_tables(cells: Mapping[Cell, Summary]) -> Iterator[str]:
    """One table per operation."""
    head = [
        *(
            "connections",
            "path",
            "requests/s",
            "over stock",
            "best",
            "p50 ms",
            "p99 ms",
        ),
        "all CPU",
        *(f"{part} CPU" for part in _PARTS),
        *("published", "delivered", "acks", "confirms", "db trips", "errors"),
    ]
    for operation in OPERATIONS:
        rows = [
            _call_row(cells, cell)
            for connections in CONNECTIONS
            for path in PATHS
            if (cell := Cell(operation, connections, path)) in cells
        ]
        yield f"{_TITLES[operation]}\n{table(head, rows)}"


def _call_row(cells: Mapping[Cell, Summary], cell: Cell) -> list[str]:
    summary = cells[cell]
    over = call_ratio(cells, cell.operation, cell.connections, cell.path)
    counts = ("published", "delivered", "acknowledged", "confirmed")
    return [
        str(cell.connections),
        _LABELS[cell.path],
        f"{summary.rate:.0f}",
        "" if cell.path == "stock" else spread(over),
        "" if cell.path == "stock" else _best(cells, cell),
        f"{summary.p50_ms:.1f}",
        f"{summary.p99_ms:.1f}",
        f"{summary.all_cpu_ms:.2f}",
        *(_or_dash(summary.cpu_ms.get(part)) for part in _PARTS),
        *(f"{summary.messages[name]:.1f}" for name in counts),
        f"{summary.round_trips:.1f}",
        errors_text(summary.errors),
    ]


def _best(cells: Mapping[Cell, Summary], cell: Cell) -> str:
    """Over stock, the best round of each: what others disturbed the least."""
    stock = cells[Cell(cell.operation, cell.connections, "stock")]
    return f"x{max(cells[cell].rates) / max(stock.rates):.2f}"


def client_table(cells: Mapping[tuple[int, str], Summary]) -> str:
    """The two libraries under the client, without HTTP."""
    head = [
        *("threads", "client", "calls/s", "over pika", "p50 ms", "p99 ms"),
        *("client CPU", "service CPU", "broker CPU", "errors"),
    ]
    rows = [
        [
            str(threads),
            client,
            f"{each.rate:.0f}",
            "" if client == "pika" else spread(client_ratio(cells, threads)),
            f"{each.p50_ms:.1f}",
            f"{each.p99_ms:.1f}",
            *(f"{each.cpu_ms[part]:.3f}" for part in ("load", "service", "broker")),
            errors_text(each.errors),
        ]
        for (threads, client), each in cells.items()
    ]
    return f"Clients: echo, without HTTP\n{table(head, rows)}"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def errors_text(errors: Mapping[str, int]) -> str:
    """``-``, or how many of which kind."""
    return ", ".join(f"{count} {kind}" for kind, count in errors.items()) or "-"


def target_table(targets: Sequence[Target]) -> str:
    """Every bound with what was measured."""
    head = ("figure to reach", "bound", "measured", "")
    rows = [
        (
            each.name,
            f"{each.bound:g} {each.unit}".strip(),
            f"{each.value:.2f} {each.unit}".strip(),
            "reached" if each.is_reached else "MISSED",
        )
        for each in targets
    ]
    return table(head, rows)


def event_tables(found: EventFigures) -> Iterator[str]:
    """Events, and calls beside them."""
    sizes = found.sizes
    lags = [f"{quantile(found.lags_ms, share):.0f} ms" for share in (0.5, 0.99)]
    rows = [
        (f"lag at {found.lag_rate:.0f} events/s", f"p50 {lags[0]}, p99 {lags[1]}"),
        (_drained(sizes.batch_events, FEED.label), f"{found.batch_rate:.0f}/s"),
        (_drained(sizes.single_events, SINGLE.label), f"{found.single_rate:.0f}/s"),
        (
            _drained(sizes.single_events, ONE_WRITE.label),
            f"{found.one_write_rate:.0f}/s",
        ),
        (f"{sizes.pending_events} events relayed", f"{found.relay_rate:.0f}/s"),
        ("dead letters", errors_text(found.dead_letters)),
        ("requests that failed", errors_text(found.errors)),
    ]
    yield f"Events\n{table(('', 'measured'), rows)}"
    head = ("meanwhile", "p50 ms", "p99 ms", "calls", "drained")
    beside = [_calls_row("nothing", found.idle_us, "-")]
    for label, latencies in found.draining_us.items():
        rates = found.drained_under_load[label]
        beside.append(_calls_row(f"drain {label}", latencies, f"{median(rates):.0f}/s"))
    yield f"Calls (read) at a fixed rate, beside events\n{table(head, beside)}"


def _drained(count: int, label: str) -> str:
    return f"{count} events drained {label}"


def _calls_row(
    label: str, latencies_us: Sequence[int], drained: str
) -> tuple[str, ...]:
    p50_ms, p99_ms = (quantile(latencies_us, share) / 1_000 for share in (0.5, 0.99))
    return label, f"{p50_ms:.1f}", f"{p99_ms:.1f}", str(len(latencies_us)), drained
