"""Files of figures, one of each kind for all workers that are gone.

Every worker has files of its own, which are read whenever somebody asks for the
figures. What it counted has to stay when it ends, but with a file for each that
there ever was, looking would take longer with every reload.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable
from collections.abc import Collection as Names
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client.mmap_dict import MmapedDict

__all__ = ["add_up", "read_files"]

Read = TypeVar("Read")

# Sums; of gauges only those of live workers count.
_SUMS: Final = ("counter", "histogram")
_GONE: Final = "gone"
_LOCK: Final = "lock"
_ATTEMPTS: Final = 5
_BEGUN_S: Final = 0.01


def read_files(read: Callable[[], Read]) -> Read:
    """What ``read`` makes of all files while none is added to another.

    A worker that begins has an empty file for a moment, which cannot be read.
    """
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is None:
        return read()
    with (Path(directory) / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        for _ in range(_ATTEMPTS):
            try:
                return read()
            except struct.error:
                # Whoever began it goes on with nothing that could be waited for.
                time.sleep(_BEGUN_S)  # noqa: TID251
        return read()


def add_up(directory: Path, live: Names[int]) -> None:
    """Add the files of workers that are gone to one of each kind.

    Not while somebody reads them; then the next time does it. Killed in between,
    some may be counted twice, until the gateway starts and forgets all.

    Args:
        directory: Where all files are.
        live: The process ids of workers that go on counting.
    """
    with (directory / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        kept = {_GONE, *map(str, live)}
        for kind in _SUMS:
            for path in directory.glob(f"{kind}_*.db"):
                if path.stem.removeprefix(f"{kind}_") not in kept:
                    _add(path, directory / f"{kind}_{_GONE}.db")


def _add(path: Path, to: Path) -> None:
    if path.stat().st_size == 0:
        # It was begun, and no more.
        path.unlink()
        return
    sums = MmapedDict(str(to))  # type: ignore[no-untyped-call]
    counted = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
    for name, value, at, _ in counted:
        before, _ = sums.read_value(name)  # type: ignore[no-untyped-call]
        sums.write_value(name, before + value, at)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
    path.unlink()
