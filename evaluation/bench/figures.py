"""The arithmetic of figures: quantiles, ratios round by round, per request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

__all__ = ["Counters", "Run", "Summary", "quantile", "ratios", "summarize"]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed.

    Raises:
        ValueError: There are no values, or ``share`` is none of (0, 1].
    """
    if not values or not 0 < share <= 1:
        raise ValueError("A quantile needs values and a share above 0, up to 1.")
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


@dataclass(frozen=True)
class Counters:
    """Counters that only grow, read at one moment.

    Attributes:
        cpu_s: CPU seconds by the part that a process plays.
        messages: What the broker counted, by kind.
        round_trips: Requests that the database has been sent.
    """

    cpu_s: Mapping[str, float] = field(default_factory=dict)
    messages: Mapping[str, float] = field(default_factory=dict)
    round_trips: float = 0.0

    def since(self, before: "Counters") -> "Counters":
        """What was added after ``before``."""
        return Counters(
            {name: value - before.cpu_s[name] for name, value in self.cpu_s.items()},
            {n: value - before.messages[n] for n, value in self.messages.items()},
            self.round_trips - before.round_trips,
        )


@dataclass(frozen=True)
class Run:
    """One measurement: what was answered in a stretch of time, and what it took.

    Attributes:
        started_at: Seconds since the epoch.
        due_us: When each of the answered requests was due, counted from the
            start; of an open loop only.
    """

    seconds: float
    latencies_us: Sequence[int]
    errors: Mapping[str, int]
    used: Counters
    started_at: float = 0.0
    due_us: Sequence[int] = ()

    @property
    def rate(self) -> float:
        """Successful requests a second."""
        return len(self.latencies_us) / self.seconds


@dataclass(frozen=True)
class Summary:
    """Several runs of one cell; figures are medians over the runs.

    Attributes:
        rates: Requests a second, run by run.
        cpu_ms: CPU milliseconds per request, by part.
        messages: Broker messages per request, by kind.
        errors: By kind, summed over all runs.
    """

    rates: Sequence[float]
    p50_ms: float
    p99_ms: float
    p99s_ms: Sequence[float]
    cpu_ms: Mapping[str, float]
    messages: Mapping[str, float]
    round_trips: float
    errors: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return median(self.rates)

    @property
    def all_cpu_ms(self) -> float:
        """CPU milliseconds per request of all but the load generator."""
        return sum(value for part, value in self.cpu_ms.items() if part != "load")

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "requests_per_s": self.rate,
            "requests_per_s_by_round": list(self.rates),
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
            "p99_ms_by_round": list(self.p99s_ms),
            "cpu_ms_per_request": dict(self.cpu_ms),
            "messages_per_request": dict(self.messages),
            "database_round_trips_per_request": self.round_trips,
            "errors": dict(self.errors),
        }


def summarize(runs: Sequence[Run]) -> Summary:
    """The medians of some runs of the same cell.

    Raises:
        ValueError: There is no run, or one in which nothing succeeded.
    """
    if not runs or not all(run.latencies_us for run in runs):
        errors = [dict(run.errors) for run in runs]
        raise ValueError(f"Nothing succeeded: {errors}.")
    p99s = [quantile(run.latencies_us, 0.99) / 1_000 for run in runs]
    errors_by_kind: dict[str, int] = {}
    for run in runs:
        for kind, count in run.errors.items():
            errors_by_kind[kind] = errors_by_kind.get(kind, 0) + count
    return Summary(
        rates=[run.rate for run in runs],
        p50_ms=median(quantile(run.latencies_us, 0.5) / 1_000 for run in runs),
        p99_ms=median(p99s),
        p99s_ms=p99s,
        cpu_ms=_per_request([r.used.cpu_s for r in runs], runs, 1_000),
        messages=_per_request([r.used.messages for r in runs], runs),
        round_trips=median(r.used.round_trips / len(r.latencies_us) for r in runs),
        errors=errors_by_kind,
    )


def _per_request(
    counters: Sequence[Mapping[str, float]], runs: Sequence[Run], scale: float = 1
) -> dict[str, float]:
    return {
        name: median(
            counted[name] * scale / len(run.latencies_us)
            for counted, run in zip(counters, runs, strict=True)
        )
        for name in counters[0]
    }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours over theirs, round by round: what holds when the machine drifts."""
    return [own / other for own, other in zip(ours, theirs, strict=True)]
