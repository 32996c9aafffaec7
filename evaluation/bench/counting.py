"""What a stretch of work cost: CPU, broker messages, database round trips."""

import os
import re
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pymongo

from evaluation.bench.figures import Counters
from evaluation.bench.servers import Servers

__all__ = ["Meter", "cpu_seconds", "parse_counters"]

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _USER_TIME, _SYSTEM_TIME = 1, 11, 12
# Global counters of the broker, exact at any moment, unlike its statistics.
_COUNTERS: Final = {
    "published": "received",
    "delivered": "delivered",
    "acknowledged": "acknowledged",
    "confirmed": "confirmed",
}
_SAMPLE: Final = re.compile(
    r"^rabbitmq_global_messages_(\w+)_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE
)


def parse_counters(exposition: str) -> dict[str, float]:
    """The broker's message counters out of its Prometheus page.

    Queue types and protocols are added up.
    """
    totals: dict[str, float] = {}
    for name, value in _SAMPLE.findall(exposition):
        totals[name] = totals.get(name, 0.0) + float(value)
    return {shown: totals.get(counter, 0.0) for shown, counter in _COUNTERS.items()}


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of processes and of their living children, their threads included."""
    family = set(pids)
    stats = dict(_stats())
    grew = True
    while grew:
        children = {pid for pid, each in stats.items() if int(each[_PARENT]) in family}
        grew = not children <= family
        family |= children
    ticks = sum(
        int(stats[pid][_USER_TIME]) + int(stats[pid][_SYSTEM_TIME])
        for pid in family & stats.keys()
    )
    return ticks / _TICKS_PER_S


def _stats() -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            # It ended meanwhile.
            continue
        # The name, in parentheses, may hold spaces: count from behind it.
        yield int(path.parent.name), text.rpartition(")")[2].split()


class Meter:
    """Reads all counters of one run's servers and processes."""

    def __init__(
        self, servers: Servers, client: pymongo.MongoClient[dict[str, Any]]
    ) -> None:
        self._servers = servers
        self._client = client

    def read(self, parts: Mapping[str, str]) -> Counters:
        """The counters now.

        Args:
            parts: The name of a process by the part that it plays.
        """
        pids = self._servers.pids()
        url = self._servers.metrics_url
        with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - our own
            messages = parse_counters(page.read().decode())
        status = self._client.admin.command("serverStatus")
        return Counters(
            {part: cpu_seconds([pids[name]]) for part, name in parts.items()},
            messages,
            status["network"]["numRequests"],
        )
