"""The gateway's findings as tables for a person."""

from collections.abc import Mapping
from typing import Final

from evaluation.bench.figures import Summary
from evaluation.bench.gateway.lists import ListFigures
from evaluation.bench.gateway.overhead import OverheadFigures
from evaluation.bench.gateway.reads import PATHS, ReadCell
from evaluation.bench.gateway.targets import read_ratio
from evaluation.bench.report import errors_text, spread, table

__all__ = ["list_text", "overhead_text", "read_text"]

_PARTS: Final = ("front", "service", "relay", "broker", "database", "redis", "load")
_COST_HEAD: Final = (
    *("requests/s", "p50 ms", "p99 ms", "all CPU"),
    *(f"{part} CPU" for part in _PARTS),
    "errors",
)
_LABELS: Final = {
    "flask": "plain flask + pymongo, bare",
    "stock": "stock nameko, bare",
    "uncached": "gateway, uncached",
    "cached": "gateway, cached",
}


def read_text(cells: Mapping[ReadCell, Summary]) -> str:
    """One contact."""
    head = [
        *("connections", "path", "requests/s", "over stock", "over plain"),
        *_COST_HEAD[1:],
    ]
    rows = [
        [
            str(connections),
            _LABELS[path],
            f"{summary.rate:.0f}",
            _over(cells, connections, path, "stock"),
            _over(cells, connections, path, "flask"),
            *_costs(summary),
        ]
        for connections in sorted({cell.connections for cell in cells})
        for path in PATHS
        if (summary := cells.get(ReadCell(connections, path)))
    ]
    return f"GET one contact\n{table(head, rows)}"


def _over(
    cells: Mapping[ReadCell, Summary], connections: int, path: str, other: str
) -> str:
    if path == other:
        return ""
    return spread(read_ratio(cells, connections, path, other))


def _costs(summary: Summary) -> list[str]:
    each = (summary.cpu_ms.get(part) for part in _PARTS)
    return [
        f"{summary.p50_ms:.1f}",
        f"{summary.p99_ms:.1f}",
        f"{summary.all_cpu_ms:.2f}",
        *("-" if value is None else f"{value:.2f}" for value in each),
        errors_text(summary.errors),
    ]


def list_text(found: ListFigures) -> str:
    """Pairs of filters, then pages."""
    rated = [
        (
            name,
            *(f"{each.ms(share):.1f}" for share in (0.5, 0.95, 0.99)),
            str(len(each.latencies_us)),
            errors_text(each.errors),
        )
        for name, each in found.two_filters.items()
    ]
    head = ("two filters, limit=50", "p50 ms", "p95 ms", "p99 ms", "requests", "errors")
    filtered = table(head, rated)
    pages = table(
        ["page", *_COST_HEAD],
        [
            [name, f"{each.rate:.0f}", *_costs(each)]
            for name, each in found.pages.items()
        ],
    )
    return (
        f"List of contacts, 20 requests/s, from when each was due\n{filtered}\n\n"
        f"Pages of all contacts, one request after another\n{pages}\n"
        f"The far page is page {found.far} of 50, reached in {found.walk_s:.0f} s by "
        f"{found.walked} pages of 200. Another row adds {found.per_row_us():.0f} us "
        f"to the median and {found.per_row_cpu_us():.0f} us of CPU."
    )


def overhead_text(found: OverheadFigures) -> str:
    """Steps, then keys."""
    rows = [
        (name, f"{each['us']:.1f}", f"{each['cpu_us']:.1f}")
        for name, each in found.steps.items()
    ]
    steps = table(("step, called by itself", "us", "us of its process' CPU"), rows)
    writes = table(
        ["POST one contact", *_COST_HEAD],
        [
            [name, f"{each.rate:.0f}", *_costs(each)]
            for name, each in found.writes.items()
        ],
    )
    return (
        f"What features take\n{steps}\n\n{writes}\n"
        f"An idempotency key adds {found.key_cpu_us():.0f} us of CPU to a write, all "
        "processes together."
    )
