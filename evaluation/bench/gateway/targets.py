"""The gateway's figures that are to be reached."""

from collections.abc import Mapping
from statistics import median
from typing import Final

from evaluation.bench.calls import JUDGED_AT
from evaluation.bench.figures import Summary, quantile, ratios
from evaluation.bench.gateway.lists import FIRST_PAGE, LAST_PAGE, ListFigures
from evaluation.bench.gateway.reads import ReadCell
from evaluation.bench.streams import StreamFigures
from evaluation.bench.targets import Target, at_least, at_most, below

__all__ = ["list_targets", "read_ratio", "read_targets", "stream_targets"]

_ENOUGH_CACHED: Final = 2_000
_SHARE_OF_PLAIN: Final = 0.8
_FARTHER: Final = 1.2

Cells = Mapping[ReadCell, Summary]


def read_ratio(cells: Cells, connections: int, path: str, over: str) -> list[float]:
    """Requests/s of one path over those of another, round by round."""
    ours, theirs = (cells[ReadCell(connections, each)] for each in (path, over))
    return ratios(ours.rates, theirs.rates)


def read_targets(cells: Cells) -> list[Target]:
    """Everything on, against what has nothing on."""
    over_stock = median(read_ratio(cells, JUDGED_AT, "uncached", "stock"))
    bare = at_least("uncached, requests/s over bare stock", over_stock, 1.0, "x")
    cached = cells[ReadCell(JUDGED_AT, "cached")].rate
    plain = cells[ReadCell(JUDGED_AT, "flask")].rate
    if plain * _SHARE_OF_PLAIN >= _ENOUGH_CACHED:
        return [bare, at_least("cached, requests/s", cached, _ENOUGH_CACHED, "/s")]
    over_plain = median(read_ratio(cells, JUDGED_AT, "cached", "flask"))
    name = "cached, requests/s over plain Flask"
    return [bare, at_least(name, over_plain, _SHARE_OF_PLAIN, "x")]


def list_targets(found: ListFigures) -> list[Target]:
    """Pages of a long list."""
    near, far = found.pages[FIRST_PAGE], found.pages[LAST_PAGE]
    name = f"page {found.far} over page 1"
    return [
        below("50 contacts by two filters, p95", found.p95_ms(), 60, "ms"),
        at_most(f"{name}, p50", far.p50_ms / near.p50_ms, _FARTHER, "x"),
        at_most(f"{name}, CPU", far.all_cpu_ms / near.all_cpu_ms, _FARTHER, "x"),
    ]


def stream_targets(found: StreamFigures) -> list[Target]:
    """Many open streams on one process."""
    idle, writing, silent, busy = (quantile(each, 0.99) for each in found.reads_ms)
    late = quantile(found.latencies_ms, 0.99)
    return [
        below("streams, memory", found.memory_mb, 150, "MB"),
        below("event to all streams, p99", late, 250, "ms"),
        at_most("events missing at streams", found.missing, 0),
        below("read p99 with silent streams over idle", silent / idle, 2, "x"),
        below("read p99 with busy streams over writes alone", busy / writing, 2, "x"),
    ]
