"""What is found out before anything is started, in a sentence."""

import shutil
from typing import Final

from stack.errors import StackError
from stack.paths import StatePaths
from stack.ports import holder_of, is_free

__all__ = ["LEAST_FREE_BYTES", "NO_SPACE", "check_disk", "check_gateway_port"]

_NEEDED_BYTES: Final = 1_000_000_000
# Servers fail in many ways below this; the reason is always the same.
LEAST_FREE_BYTES: Final = 50_000_000
NO_SPACE: Final = (
    "The disk is full. Free some space, or name a state directory on another disk "
    "by RAPPORT_STATE_DIR."
)


def check_disk(paths: StatePaths, needed_bytes: int = _NEEDED_BYTES) -> None:
    """Refuse to begin what would end half-way on a full disk.

    Raises:
        StackError: There is too little space for the state directory.
    """
    directory = paths.root
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < needed_bytes:
        raise StackError(
            f"There is no disk space for {paths.root}: {free // 1_000_000} MB are free "
            f"and {needed_bytes // 1_000_000} MB are needed. Free some space, or name "
            "a state directory on another disk by RAPPORT_STATE_DIR."
        )


def check_gateway_port(port: int) -> None:
    """Refuse to begin where somebody else answers.

    Raises:
        StackError: The port is taken; the message says by whom if it can be
            seen.
    """
    if is_free(port):
        return
    holder = holder_of(port) or "another program"
    raise StackError(
        f"Port {port} is taken by {holder}. Stop it, or choose another port with "
        "`./crm up --port`."
    )
