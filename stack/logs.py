"""Log files: bounded, and shown to a person."""

import os
import select
import shutil
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["follow", "last_lines", "rotate"]

_LARGEST_BYTES: Final = 20_000_000
_FOLLOW_S: Final = 0.5


def rotate(path: Path, largest_bytes: int = _LARGEST_BYTES) -> None:
    """Move a log that has grown too large aside; one old copy is kept.

    The file itself stays, emptied, since its process has it open (for
    appending, so that it goes on at the new end).
    """
    try:
        if path.stat().st_size <= largest_bytes:
            return
        shutil.copyfile(path, path.with_suffix(".log.1"))
        os.truncate(path, 0)
    except FileNotFoundError:
        return


def last_lines(path: Path, count: int, width: int | None = None) -> list[str]:
    """The end of a log, each line cut to ``width``; nothing if there is none."""
    try:
        with path.open(errors="replace") as file:
            return [line.rstrip("\n")[:width] for line in deque(file, maxlen=count)]
    except FileNotFoundError:
        return []


def follow(logs: Mapping[str, Path], count: int = 20) -> None:
    """Print what is appended to the logs until interrupted, each with its name."""
    width = max(map(len, logs))
    offsets = {name: _size(path) for name, path in logs.items()}
    for name, path in logs.items():
        for line in last_lines(path, count):
            _show(name, width, line)
    while True:
        for name, path in logs.items():
            offsets[name] = _show_new(name, width, path, offsets[name])
        sys.stdout.flush()
        select.select([], [], [], _FOLLOW_S)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _show_new(name: str, width: int, path: Path, offset: int) -> int:
    size = _size(path)
    if size == offset:
        return offset
    with path.open("rb") as file:
        # A log that became shorter was rotated.
        file.seek(offset if size > offset else 0)
        text = file.read()
    complete = text[: text.rfind(b"\n") + 1]
    for line in complete.decode(errors="replace").splitlines():
        _show(name, width, line)
    return (offset if size > offset else 0) + len(complete)


def _show(name: str, width: int, line: str) -> None:
    print(f"{name:<{width}} | {line}")
