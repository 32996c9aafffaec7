"""What is done to which process, and when: all of it follows from a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

__all__ = ["KINDS", "OUTAGE_S", "Fault", "Kind", "make_plan"]

OUTAGE_S: Final = 20.0
_SHORTEST_RUN_WITH_OUTAGE_S: Final = 45.0
_FAULTS_PER_MINUTE: Final = (5, 8)
_FEWEST: Final = 2
_QUIET_START_S: Final = 2.0
_HAND: Final = 5


@dataclass(frozen=True, order=True)
class Kind:
    """A sort of victim and what happens to it.

    Attributes:
        victim: ``service``, ``relay``, ``gateway``, ``gateway-worker``, or the
            name of a server.
        how: ``kill`` (SIGKILL), ``term`` (SIGTERM), ``freeze`` (SIGSTOP for a
            while), ``restart`` (an orderly one), ``outage`` (stopped, and
            started again after ``OUTAGE_S``).
    """

    victim: str
    how: str

    def __str__(self) -> str:
        return f"{self.victim} {self.how}"


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is done.

    Attributes:
        at_s: Seconds after the load began.
        pick: Chooses among several candidates, by remainder.
    """

    at_s: float
    kind: Kind
    pick: int


_OUTAGE: Final = Kind("rabbitmq", "outage")
KINDS: Final = (
    Kind("service", "kill"),
    Kind("service", "term"),
    Kind("service", "freeze"),
    Kind("relay", "kill"),
    Kind("relay", "term"),
    Kind("relay", "freeze"),
    Kind("gateway-worker", "kill"),
    Kind("gateway-worker", "term"),
    Kind("gateway", "kill"),
    Kind("gateway", "term"),
    _OUTAGE,
    Kind("rabbitmq", "kill"),
    Kind("mongodb", "kill"),
    Kind("mongodb", "restart"),
    Kind("redis", "kill"),
    Kind("redis", "restart"),
    Kind("redis-state", "kill"),
    Kind("redis-state", "restart"),
)


def make_plan(seed: int, seconds: float) -> list[Fault]:
    """The faults of one run, in their order; the same for the same arguments.

    Consecutive seeds deal out one shuffled deck of all kinds, so that seven
    of them in a row hold every kind at least once if each lasts a minute; the
    rest of each run is drawn at random. At most one is an outage, early enough
    to be over before the load is.
    """
    random = Random(f"plan {seed}")  # noqa: S311 - it has to be repeatable
    count = max(_FEWEST, round(random.randint(*_FAULTS_PER_MINUTE) * seconds / 60))
    others = [kind for kind in KINDS if kind != _OUTAGE]
    kinds = [*_hand(seed), *random.choices(others, k=count)][:count]
    if seconds < _SHORTEST_RUN_WITH_OUTAGE_S:
        kinds = [Kind("rabbitmq", "kill") if k == _OUTAGE else k for k in kinds]
    random.shuffle(kinds)
    # The sort is stable: only the outage moves, to the beginning.
    kinds.sort(key=lambda kind: kind != _OUTAGE)
    return [
        Fault(at_s, kind, random.randrange(1_000))
        for at_s, kind in zip(_times(random, count, seconds), kinds, strict=True)
    ]


def _hand(seed: int) -> Sequence[Kind]:
    hands = -(-len(KINDS) // _HAND)
    deck = list(KINDS)
    Random(f"deck {seed // hands}").shuffle(deck)  # noqa: S311 - repeatable
    first = seed % hands * _HAND
    return deck[first : first + _HAND]


def _times(random: Random, count: int, seconds: float) -> list[float]:
    """One moment in each of ``count`` equal parts of the run."""
    start_s = min(_QUIET_START_S, seconds / 10)
    part_s = (seconds - start_s) / count
    return [
        round(start_s + part_s * (number + random.uniform(0.1, 0.9)), 2)
        for number in range(count)
    ]
