"""``./crm bench customer``: whether the service's memory stays flat under load."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from evaluation.bench.counting import Meter
from evaluation.bench.customer.reads import reads_of
from evaluation.bench.rated import Asker, Rated, together
from evaluation.bench.targets import Target, at_most, below
from evaluation.bench.world import World, request

__all__ = ["MemoryFigures", "measure_memory", "memory_targets"]

_PROCESSES: Final = ("customer-rpc-1", "customer-events-1")
_RATE: Final = 40
_READS: Final = 300
_SAMPLES: Final = 60
_LEAST_PAUSE_S: Final = 0.25
# What is loaded and cached at first is none of what grows.
_SETTLED: Final = 0.3
_FLAT_MB: Final = 8.0


@dataclass(frozen=True)
class MemoryFigures:
    """What was measured.

    Attributes:
        samples_mb: Resident memory by process, evenly over the load.
        minutes: How long the load was.
    """

    samples_mb: Mapping[str, Sequence[float]]
    minutes: float
    load: Rated

    def grown_mb(self, process: str) -> float:
        """By how much the last fifth lies above what there was once settled."""
        samples = self.samples_mb[process]
        settled = samples[int(len(samples) * _SETTLED) :]
        part = max(len(settled) // 5, 1)
        return median(settled[-part:]) - median(settled[:part])

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "minutes": self.minutes,
            "processes": {
                name: {
                    "first_mb": samples[0],
                    "last_mb": samples[-1],
                    "most_mb": max(samples),
                    "grown_mb": self.grown_mb(name),
                }
                for name, samples in self.samples_mb.items()
            },
            "load": self.load.to_json(),
        }


def measure_memory(
    world: World, meter: Meter, *, seconds: float, say: Callable[[str], None]
) -> MemoryFigures:
    """Read and write for a while, and look at the processes meanwhile.

    Raises:
        StackError: The load generator died.
    """
    say(f"mixed load for {seconds / 60:.1f} minutes")
    pids = world.servers.pids()
    watch = _Watch({name: pids[name] for name in _PROCESSES}, seconds)
    watch.start()
    run = Asker(meter, world.port).ask(_mixed(world), rate=_RATE, seconds=seconds)
    watch.stop()
    return MemoryFigures(watch.samples_mb, seconds / 60, together([run]))


def _mixed(world: World) -> list[str]:
    """Three readings, then a new entry or a change, over and over."""
    tokens = itertools.cycle(world.tokens())
    paths = [path for each in zip(*(r.paths for r in reads_of(world))) for path in each]  # noqa: B905
    ids = world.contact_ids(_READS)
    mixed = []
    for number, path in enumerate(itertools.islice(itertools.cycle(paths), _READS)):
        mixed.append(
            request("GET", path, next(tokens), headers=["Cache-Control: no-cache"])
        )
        if number % 3 == 0:
            mixed.append(_write(ids[number % len(ids)], number, next(tokens)))
    return mixed


def _write(contact_id: str, number: int, token: str) -> str:
    if number % 2:
        body = {"job_title": f"Number {number}"}
        return request("PATCH", f"/v1/contacts/{contact_id}", token, body=body)
    entry = {"type": "call", "contact_id": contact_id, "subject": f"Call {number}"}
    return request("POST", "/v1/interactions", token, body=entry)


class _Watch(threading.Thread):
    """Looks at the memory of processes until told to stop."""

    def __init__(self, pids: Mapping[str, int], seconds: float) -> None:
        super().__init__(daemon=True)
        self._pids = pids
        self._pause_s = max(seconds / _SAMPLES, _LEAST_PAUSE_S)
        self._stopping = threading.Event()
        self.samples_mb: dict[str, list[float]] = {name: [] for name in pids}

    def run(self) -> None:
        """Look, and look again after a pause."""
        while True:
            for name, pid in self._pids.items():
                self.samples_mb[name].append(_resident_mb(pid))
            if self._stopping.wait(self._pause_s):
                return

    def stop(self) -> None:
        """Do not look any more."""
        self._stopping.set()
        self.join()


def _resident_mb(pid: int) -> float:
    """Private and shared pages that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_024
    raise ValueError(f"Process {pid} has ended.")


def memory_targets(found: MemoryFigures) -> list[Target]:
    """Flat is flat."""
    failed = sum(found.load.errors.values())
    return [
        *(
            below(f"{name}, grown", found.grown_mb(name), _FLAT_MB, "MB")
            for name in found.samples_mb
        ),
        at_most("requests of the mixed load that failed", failed, 0),
    ]
