"""Requests to a gateway at a fixed rate, and what they cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, quantile
from evaluation.bench.measuring import measure

__all__ = ["SERVERS", "Asker", "Rated", "together"]

SERVERS: Final = {
    "broker": "rabbitmq",
    "database": "mongodb",
    "redis": "redis-state",
}
_PARTS: Final[Mapping[str, str]] = {
    "front": "gateway",
    "service": "customer-rpc-1",
    **SERVERS,
}
_WARM_UP_S: Final = 0.3


@dataclass(frozen=True)
class Rated:
    """Requests at a fixed rate; latencies from when each was due."""

    latencies_us: Sequence[int]
    errors: Mapping[str, int]

    def ms(self, share: float) -> float:
        """A quantile of the latencies."""
        return quantile(self.latencies_us, share) / 1_000

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "p50_ms": self.ms(0.5),
            "p95_ms": self.ms(0.95),
            "p99_ms": self.ms(0.99),
            "requests": len(self.latencies_us),
            "errors": dict(self.errors),
        }


def together(runs: Sequence[Run]) -> Rated:
    """All runs of one kind of request together."""
    errors: Counter[str] = Counter()
    for each in runs:
        errors.update(each.errors)
    return Rated([late for each in runs for late in each.latencies_us], dict(errors))


@dataclass(frozen=True)
class Asker:
    """Sends requests to one gateway, and counts what they cost.

    Attributes:
        parts: Whose CPU is counted besides, by the part that a process plays.
    """

    meter: Meter
    port: int
    parts: Mapping[str, str] = field(default_factory=dict)

    def ask(
        self,
        requests: Sequence[str],
        *,
        rate: int,
        seconds: float,
        connections: int = 1,
    ) -> Run:
        """Send requests in turn, over and over.

        Args:
            requests: Whole ones.
            rate: So many in a second, whatever happened to those before; with
                0 the next one when the last one was answered.
            seconds: How long.
            connections: To begin with.

        Raises:
            StackError: The load generator died.
        """
        plan = {
            "port": self.port,
            "operation": "list",
            "requests": list(requests),
            "connections": connections,
            "rate": rate,
            "warm_up_s": _WARM_UP_S,
            "seconds": seconds,
        }
        return measure(self.meter, {**_PARTS, **self.parts}, "load", plan)
