"""The findings as tables for a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from evaluation.bench.calls import CONNECTIONS, OPERATIONS, PATHS, Cell
from evaluation.bench.figures import Summary
from evaluation.bench.targets import Target, call_ratio

__all__ = ["call_tables", "machine_line", "spread", "table", "target_table"]

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
        *("connections", "path", "requests/s", "over stock", "p50 ms", "p99 ms"),
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
        f"{summary.p50_ms:.1f}",
        f"{summary.p99_ms:.1f}",
        f"{summary.all_cpu_ms:.2f}",
        *(_or_dash(summary.cpu_ms.get(part)) for part in _PARTS),
        *(f"{summary.messages[name]:.1f}" for name in counts),
        f"{summary.round_trips:.1f}",
        errors_text(summary.errors),
    ]


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
