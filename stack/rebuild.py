"""``./crm rebuild``: read models made anew from what they are derived of."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from stack.databases import operator_mongo
from stack.paths import state_paths
from svc_customer.repository.upgrades import count_interactions

__all__ = ["add_rebuild_command"]

_SAID_EVERY: Final = 50_000

# As argparse's subparsers give it: name, what to run, what it does.
Add = Callable[[str, Callable[[Any], int], str], argparse.ArgumentParser]


def add_rebuild_command(add: Add) -> None:
    """Add it to the parser behind ``./crm``."""
    rebuild = add("rebuild", _rebuild, "make a read model anew, while all runs")
    rebuild.add_argument("model", choices=("interaction-days",))


def _rebuild(_given: argparse.Namespace) -> int:
    with operator_mongo(state_paths()) as client:
        count = count_interactions(client["rapport_customer"], _say)
    print(f"{count} interactions are counted.")
    return 0


def _say(looked_at: int) -> None:
    if looked_at % _SAID_EVERY == 0:
        print(f"  {looked_at} interactions so far")
