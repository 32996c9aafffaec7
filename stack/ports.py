"""Free loopback ports, and who holds one that is not free."""

import random
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from stack.errors import StackError

__all__ = ["choose_port", "holder_of", "is_free"]

# Below the range that Linux and macOS give to outgoing connections, so that a
# port kept for weeks is not lent to one of them.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_LISTEN: Final = "0A"


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(
    taken: Collection[int],
    kept: int | None = None,
    is_free: Callable[[int], bool] = is_free,
) -> int:
    """A free port that is not in ``taken``; the kept one if it still can be had.

    Raises:
        StackError: No port is free.
    """
    if kept is not None and kept not in taken and is_free(kept):
        return kept
    candidates = range(_FIRST, _LAST)
    for port in random.sample(candidates, len(candidates)):
        if port not in taken and is_free(port):
            return port
    raise StackError(
        f"No loopback port between {_FIRST} and {_LAST} is free. Stop some of the "
        "programs that listen there."
    )


def holder_of(port: int) -> str | None:
    """The process that listens on ``port``, as ``name (pid 12)``, if we may see it."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if inodes & _socket_inodes(process):
            name = (process / "comm").read_text().strip()
            return f"{name} (pid {process.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _socket_inodes(process: Path) -> set[str]:
    try:
        links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
    except OSError:
        return set()
    return {
        link.removeprefix("socket:[").removesuffix("]")
        for link in links
        if link.startswith("socket:[")
    }
