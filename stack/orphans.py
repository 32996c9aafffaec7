"""Finding and stopping what a killed supervisor left running.

A process is recognized by its id together with the time it started, or by
the mark in its environment; never by its name, since another checkout's
broker has the same.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MARK", "Identity", "find_orphans", "identify", "stop_processes"]

MARK: Final = "RAPPORT_STACK"
_GRACE_S: Final = 15.0
_POLL_S: Final = 0.05
_START_TIME_FIELD: Final = 19


@dataclass(frozen=True)
class Identity:
    """A process as nobody can take it for another.

    Attributes:
        started: Opaque; two processes that had the same id differ in it.
    """

    pid: int
    started: str


def identify(pid: int) -> Identity | None:
    """Who has this process id now; ``None`` if nobody has."""
    started = _started(pid)
    return None if started is None else Identity(pid, started)


def _started(pid: int) -> str | None:
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _started_by_ps(pid)
    try:
        # The name, in parentheses, may hold spaces: count from behind it.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{_boot_id()}/{fields[_START_TIME_FIELD]}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started_by_ps(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None


def find_orphans(mark: str) -> list[Identity]:
    """Every process that carries the mark, workers and helpers included."""
    return sorted(set(_marked(mark)), key=lambda identity: identity.pid)


def _marked(mark: str) -> Iterable[Identity]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                identity = identify(pid)
                if identity is not None:
                    yield identity


def stop_processes(identities: Iterable[Identity], grace_s: float = _GRACE_S) -> int:
    """Ask them to end, then end them; returns how many there were."""
    stopping = [identity for identity in identities if _signal(identity)]
    deadline = time.monotonic() + grace_s
    for identity in stopping:
        if not _await_end(identity, deadline):
            _signal(identity, signal.SIGKILL)
    for identity in stopping:
        _await_end(identity, time.monotonic() + grace_s)
    return len(stopping)


def _signal(identity: Identity, number: int = signal.SIGTERM) -> bool:
    if identify(identity.pid) != identity:
        return False
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return False
    return True


def _await_end(identity: Identity, deadline: float) -> bool:
    while identify(identity.pid) == identity:
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], _POLL_S)
    return True
