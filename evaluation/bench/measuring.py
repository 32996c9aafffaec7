"""One measurement: a load from a process of its own, and the counters around it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluation.bench.counting import Meter
from evaluation.bench.figures import Counters, Run
from stack.errors import StackError
from stack.paths import ROOT

__all__ = ["measure"]


def measure(
    meter: Meter,
    parts: Mapping[str, str],
    module: str,
    plan: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    at_start: Callable[[], None] = lambda: None,
) -> Run:
    """Have ``module`` carry ``plan`` out and count what it costs.

    The module reads the plan as a line, warms up, says ``ready``, waits for a
    line, works, and prints its findings. Counters are read while it waits.

    Args:
        meter: Reads the counters.
        parts: Whose CPU time is counted, by the part that a process plays.
        module: One of this package.
        plan: What it is to do.
        environment: Its settings, if it needs any.
        at_start: Called when it begins to work.

    Raises:
        StackError: It died; the message holds its last words.
    """
    command: Sequence[str] = (sys.executable, "-m", f"evaluation.bench.{module}")
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _tell(process, json.dumps(plan))
            _hear(process, plan)
            before = meter.read(parts)
            _tell(process, "go")
            at_start()
            findings = json.loads(_hear(process, plan))
            used = meter.read(parts).since(before)
        finally:
            process.kill()
    cpu_s = {**used.cpu_s, "load": findings["cpu_s"]}
    return Run(
        findings["seconds"],
        findings["latencies_us"],
        findings["errors"],
        Counters(cpu_s, used.messages, used.round_trips),
        findings["started_at"],
        findings["due_us"],
    )


def _tell(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()


def _hear(process: subprocess.Popen[str], plan: Mapping[str, Any]) -> str:
    line = "" if process.stdout is None else process.stdout.readline()
    if not line:
        words = "" if process.stderr is None else process.stderr.read()
        told = {**plan, "requests": len(plan.get("requests", ()))}
        raise StackError(f"Could not measure {told}:\n{words.strip()}")
    return line
