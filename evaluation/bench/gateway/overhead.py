"""``./crm bench gateway``, third part: what each feature takes, in microseconds.

Steps of a request are called by themselves, over and over, in a process with the
gateway's settings. What an idempotency key costs behind the gateway is told by
writes with and without one, in turn.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evaluation.bench.calls import JUDGED_AT
from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, Summary, summarize
from evaluation.bench.measuring import measure
from evaluation.bench.rated import SERVERS
from evaluation.bench.world import World, request
from stack.errors import StackError
from stack.paths import ROOT

__all__ = ["KEYED", "UNKEYED", "OverheadFigures", "measure_overhead"]

KEYED: Final = "with a key"
UNKEYED: Final = "without"
_FRESH_TOKENS: Final = 2_000
_WARM_UP_S: Final = 0.5
# More than can be written in a second.
_MOST_PER_S: Final = 1_500
_LONGEST_S: Final = 120


@dataclass(frozen=True)
class OverheadFigures:
    """What was measured.

    Attributes:
        steps: Microseconds by the clock (``us``) and of CPU (``cpu_us``).
        writes: Of a contact, with and without an ``Idempotency-Key``.
    """

    steps: Mapping[str, Mapping[str, float]]
    writes: Mapping[str, Summary]

    def key_cpu_us(self) -> float:
        """What a key adds to a write, CPU of all processes."""
        keyed, unkeyed = (self.writes[each].all_cpu_ms for each in (KEYED, UNKEYED))
        return (keyed - unkeyed) * 1_000

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "steps": {name: dict(each) for name, each in self.steps.items()},
            "writes": [
                {"write": name, **each.to_json()} for name, each in self.writes.items()
            ],
            "key_cpu_us": self.key_cpu_us(),
        }


def measure_overhead(
    world: World,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
) -> OverheadFigures:
    """Time the steps, then write with and without keys.

    Raises:
        StackError: A process does not start, or dies.
        ValueError: Not one write succeeded.
    """
    say("steps of a request")
    steps = _steps(world)
    runs: dict[str, list[Run]] = {}
    for number in range(rounds):
        say(f"writes with and without keys, round {number + 1} of {rounds}")
        for name in (UNKEYED, KEYED):
            run = _write(world, meter, seconds, has_key=name == KEYED)
            runs.setdefault(name, []).append(run)
    return OverheadFigures(
        steps, {name: summarize(each) for name, each in runs.items()}
    )


def _steps(world: World) -> Mapping[str, Mapping[str, float]]:
    tokens = world.tokens(count=1)
    fresh = [world.tokens(count=1)[0] for _ in range(_FRESH_TOKENS)]
    given = json.dumps({"token": tokens[0], "fresh": fresh})
    command = (sys.executable, "-m", "evaluation.bench.gateway.steps")
    ended = subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        env=dict(world.gateway().environment),
        input=f"{given}\n",
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if ended.returncode:
        raise StackError(f"Could not time the steps:\n{ended.stderr.strip()}")
    found: Mapping[str, Mapping[str, float]] = json.loads(ended.stdout)
    return found


def _write(world: World, meter: Meter, seconds: float, *, has_key: bool) -> Run:
    """Every request is another; each key is used once."""
    tokens = world.tokens()
    count = int((seconds + _WARM_UP_S) * _MOST_PER_S)
    requests = [
        request(
            "POST",
            "/v1/contacts",
            tokens[number % len(tokens)],
            body={"first_name": "Ada", "last_name": f"Bench {number}"},
            headers=[f"Idempotency-Key: {uuid.uuid4()}"] if has_key else [],
        )
        for number in range(count)
    ]
    plan = {
        "port": world.port,
        "operation": "create",
        "requests": requests,
        "connections": JUDGED_AT,
        "rate": 0,
        "warm_up_s": _WARM_UP_S,
        "seconds": seconds,
    }
    parts = {"front": "gateway", "service": "customer-rpc-1", **SERVERS}
    parts["relay"] = "customer-events-1"
    return measure(meter, parts, "load", plan)
