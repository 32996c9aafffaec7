"""A stack for one purpose: nobody else uses it, and it is gone afterwards."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Final

from stack.lifecycle import Stack
from stack.orphans import Identity, identify
from stack.paths import ROOT, StatePaths
from stack.private_files import read_json, write_json

__all__ = ["disposable_stack", "ignore_servers_of_others"]

_SERVERS_OF_OTHERS: Final = ("AMQP_URI", "MONGO_URI", "REDIS_URL", "RAPPORT_STATE_DIR")


@contextlib.contextmanager
def disposable_stack(
    purpose: str, say: Callable[[str], None]
) -> Iterator[tuple[Stack, int]]:
    """A stack that has not been started, and the lifeline to start it with.

    It stops with this process however that ends; what a killed process left
    on the disk is removed by the next with the same purpose.

    Args:
        purpose: The beginning of its directory's name.
        say: Hears what the stack does.
    """
    _remove_leftovers(purpose)
    paths = StatePaths(ROOT / ".stack" / f"{purpose}-{os.getpid()}")
    paths.make()
    write_json(paths.root / "owner.json", vars(_myself()))
    lifeline, end = os.pipe()
    stack = Stack(paths, say)
    try:
        yield stack, lifeline
    finally:
        stack.down()
        os.close(end)
        os.close(lifeline)
        shutil.rmtree(paths.root, ignore_errors=True)


def ignore_servers_of_others() -> None:
    """Forget what the environment says of servers and stacks in use elsewhere."""
    for name in _SERVERS_OF_OTHERS:
        os.environ.pop(name, None)


def _myself() -> Identity:
    return identify(os.getpid()) or Identity(os.getpid(), "")


def _remove_leftovers(purpose: str) -> None:
    for directory in (ROOT / ".stack").glob(f"{purpose}-[0-9]*"):
        owner = read_json(directory / "owner.json")
        if owner and identify(owner["pid"]) == Identity(**owner):
            continue
        Stack(StatePaths(directory), lambda _text: None).down()
        shutil.rmtree(directory, ignore_errors=True)
