"""What a benchmark found, and how it is shown."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.bench.report import machine_line, target_table
from evaluation.bench.targets import Target
from stack.errors import StackError

__all__ = ["Findings", "measure_and_show", "say"]


@dataclass(frozen=True)
class Findings:
    """What one part found: for programs, for people, and against the targets."""

    document: Mapping[str, Any]
    text: str
    targets: list[Target]


def say(text: str) -> None:
    """Progress, which is no part of the findings."""
    print(f"  {text}", file=sys.stderr, flush=True)


def measure_and_show(
    machine: Mapping[str, Any],
    parts: Mapping[str, Callable[[], Findings]],
    started: float,
    *,
    as_json: bool,
) -> None:
    """Measure part after part, and print what was found, even if a later one failed.

    Raises:
        StackError: Something could not be measured, and what it said.
    """
    found: dict[str, Findings] = {}
    try:
        for name, part in parts.items():
            try:
                found[name] = part()
            except ValueError as error:
                raise StackError(f"Could not measure {name}: {error}") from error
    finally:
        _show(machine, found, time.monotonic() - started, as_json=as_json)


def _show(
    machine: Mapping[str, Any],
    found: Mapping[str, Findings],
    took_s: float,
    *,
    as_json: bool,
) -> None:
    targets = [each for part in found.values() for each in part.targets]
    if as_json:
        document = {
            "machine": machine,
            **{name: part.document for name, part in found.items()},
            "targets": [each.to_json() for each in targets],
            "took_s": round(took_s, 1),
        }
        print(json.dumps(document, indent=2))
        return
    print(f"\n{machine_line(machine)}")
    print("CPU is milliseconds per request; messages and db trips are per request.")
    for part in found.values():
        print(f"\n{part.text}")
    print(f"\n{target_table(targets)}")
    print(f"\nMeasured in {took_s:.0f} s.")
