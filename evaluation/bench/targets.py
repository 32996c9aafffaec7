"""The figures that are to be reached, and whether they were."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from evaluation.bench.calls import JUDGED_AT, Cell
from evaluation.bench.events import FEED, ONE_WRITE, SINGLE, EventFigures
from evaluation.bench.figures import Summary, quantile, ratios

__all__ = [
    "Target",
    "at_least",
    "at_most",
    "below",
    "call_ratio",
    "call_targets",
    "client_ratio",
    "client_targets",
    "event_targets",
]

_WORTH_CHANGING: Final = 1.2
_TIMES_STOCK: Final = {"read": 2.5, "write": 2.0}


@dataclass(frozen=True)
class Target:
    """One figure, its bound, and on which side of it the figure is."""

    name: str
    value: float
    bound: float
    is_reached: bool
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def at_least(name: str, value: float, bound: float, unit: str = "") -> Target:
    """A figure that must not be lower."""
    return Target(f"{name}: at least", value, bound, value >= bound, unit)


def below(name: str, value: float, bound: float, unit: str = "") -> Target:
    """A figure that must be lower."""
    return Target(f"{name}: below", value, bound, value < bound, unit)


def at_most(name: str, value: float, bound: float, unit: str = "") -> Target:
    """A figure that must not be higher."""
    return Target(f"{name}: at most", value, bound, value <= bound, unit)


def call_ratio(
    cells: Mapping[Cell, Summary], operation: str, connections: int, path: str
) -> list[float]:
    """Requests/s of ``path`` over stock's, round by round."""
    ours = cells[Cell(operation, connections, path)]
    stock = cells[Cell(operation, connections, "stock")]
    return ratios(ours.rates, stock.rates)


def call_targets(cells: Mapping[Cell, Summary]) -> list[Target]:
    """Bare reads and writes against the stock path, at sixteen connections."""
    targets = []
    for operation, bound in _TIMES_STOCK.items():
        name = f"{operation}, {JUDGED_AT} connections"
        ratio = median(call_ratio(cells, operation, JUDGED_AT, "ours"))
        targets.append(at_least(f"{name}, requests/s over stock", ratio, bound, "x"))
        ours = cells[Cell(operation, JUDGED_AT, "ours")]
        stock = cells[Cell(operation, JUDGED_AT, "stock")]
        p99 = median(ratios(ours.p99s_ms, stock.p99s_ms))
        targets.append(below(f"{name}, p99 over stock", p99, 1.0, "x"))
    return targets


def client_ratio(cells: Mapping[tuple[int, str], Summary], threads: int) -> list[float]:
    """Calls/s of py-amqp over pika's, round by round."""
    return ratios(cells[threads, "py-amqp"].rates, cells[threads, "pika"].rates)


def client_targets(cells: Mapping[tuple[int, str], Summary]) -> list[Target]:
    """What would have us take the other library."""
    ratio = median(client_ratio(cells, JUDGED_AT))
    name = f"py-amqp over pika, calls/s at {JUDGED_AT} threads"
    return [at_most(name, ratio, _WORTH_CHANGING, "x")]


def event_targets(found: EventFigures) -> list[Target]:
    """Lag, drains, and what a drain costs those who call meanwhile."""
    idle = quantile(found.idle_us, 0.99)
    draining = quantile(found.draining_us[FEED.label], 0.99)
    return [
        below("event lag p50", quantile(found.lags_ms, 0.5), 50, "ms"),
        below("event lag p99", quantile(found.lags_ms, 0.99), 500, "ms"),
        at_least("backlog drained in batches", found.batch_rate, 5_000, "/s"),
        at_least(f"drained {SINGLE.label}", found.single_rate, 800, "/s"),
        at_least(f"drained {ONE_WRITE.label}", found.one_write_rate, 800, "/s"),
        at_most("call p99 beside a drain over idle", draining / idle, 2, "x"),
    ]
