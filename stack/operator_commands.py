"""``./crm dlq`` and ``./crm outbox``: for whoever keeps the bus moving."""

import argparse
import dataclasses
import json
from collections.abc import Callable
from typing import Any, Final

from stack.broker import operator_connection
from stack.dead_letter import DeadLetter
from stack.dead_letters import DEFAULT_LIMIT, DeadLetters, Selection
from stack.errors import StackError
from stack.operator_tables import (
    letter_as_json,
    letter_as_text,
    line_of,
    listing_as_json,
    listing_as_text,
    outbox_as_text,
    outcome_as_json,
    outcome_as_text,
)
from stack.paths import state_paths
from stack.principals import SERVICES

__all__ = ["add_operator_commands"]

_MOST: Final = 100_000
# As argparse's subparsers give it: name, what to run, what it does.
Add = Callable[[str, Callable[[Any], int], str], argparse.ArgumentParser]


def add_operator_commands(add: Add) -> None:
    """Add both to the parser behind ``./crm``."""
    dlq = add("dlq", _list, "look at dead letters, send them back, drop them")
    verbs = dlq.add_subparsers(required=True, metavar="verb")

    def verb(name: str, run: Callable[[Any], int], does: str) -> Any:
        added = verbs.add_parser(name, help=does, description=does)
        added.set_defaults(run=run)
        added.add_argument("--service", choices=SERVICES, help="of this service only")
        added.add_argument("--queue", help="from this handler's queue only")
        added.add_argument("--json", action="store_true", help="for programs")
        added.add_argument(
            "--limit",
            type=_limit,
            default=DEFAULT_LIMIT,
            help=f"look at so many of each service ({DEFAULT_LIMIT})",
        )
        return added

    verb("list", _list, "a line for each")
    show = verb("show", _show, "headers and body of an event")
    show.add_argument("id")
    replay = verb("replay", _replay, "send them back to their handlers")
    discard = verb("discard", _discard, "drop them for good")
    for each in (replay, discard):
        each.add_argument("ids", nargs="*", metavar="id")
        each.add_argument("--all", action="store_true", help="all that are meant")

    outbox = add("outbox", _outbox, "show how far every service's events have come")
    outbox.add_argument("service", nargs="?", choices=SERVICES)
    outbox.add_argument("--json", action="store_true", help="for programs")


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"must be from 1 to {_MOST}")
    return number


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _list(given: argparse.Namespace) -> int:
    selection = Selection((), given.service, given.queue)
    with operator_connection(state_paths()) as connection:
        listing = DeadLetters(connection, given.limit).find(selection)
    if given.json:
        _print_json(listing_as_json(listing))
    else:
        print(listing_as_text(listing))
    return 0


def _show(given: argparse.Namespace) -> int:
    """More than one, if several handlers failed at the event."""
    selection = Selection((given.id,), given.service, given.queue)
    with operator_connection(state_paths()) as connection:
        listing = DeadLetters(connection, given.limit).find(selection)
    if given.json:
        _print_json([letter_as_json(letter) for letter in listing.letters])
    else:
        print("\n\n".join(map(letter_as_text, listing.letters)))
    return 0


def _replay(given: argparse.Namespace) -> int:
    if not (given.ids or given.service or given.queue or given.all):
        raise StackError(
            "Say which: ids, `--service`, `--queue`, or `--all`. `./crm dlq list` "
            "shows them."
        )
    return _settle(given, DeadLetters.replay)


def _discard(given: argparse.Namespace) -> int:
    if not (given.ids or given.all):
        raise StackError(
            "Say which: ids, or `--all`, which `--service` and `--queue` narrow. "
            "`./crm dlq list` shows them."
        )
    return _settle(given, DeadLetters.discard)


def _settle(given: argparse.Namespace, act: Callable[..., Any]) -> int:
    """Each is named as soon as it is done: an interrupted run has said which."""
    if given.ids and given.all:
        raise StackError("Say either ids or `--all`.")
    selection = Selection(tuple(given.ids), given.service, given.queue)
    say = () if given.json else (_say,)
    with operator_connection(state_paths()) as connection:
        outcome = act(DeadLetters(connection, given.limit), selection, *say)
    if given.json:
        _print_json(outcome_as_json(outcome))
    else:
        print(outcome_as_text(outcome))
    return 1 if outcome.kept else 0


def _say(letter: DeadLetter) -> None:
    print(line_of(letter), flush=True)


def _outbox(given: argparse.Namespace) -> int:
    # Every service's modules, and Nameko with them: kept from other commands.
    from stack.outboxes import collect_outboxes  # noqa: PLC0415

    report = collect_outboxes(state_paths(), given.service)
    if given.json:
        _print_json(dataclasses.asdict(report))
    else:
        print(outbox_as_text(report))
    return 0
