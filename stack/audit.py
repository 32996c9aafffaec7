"""``./crm audit``: whether every service's event log is still what was written.

What the last sound run saw is kept outside of the databases, so that the next
one notices a log that was cut off at its end, or replaced as a whole.
"""

import argparse
import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pymongo.database import Database

from chassis.chain import Break, Chain, Walk
from chassis.event_log import EVENT_LOG
from chassis.leases import LEASES
from stack.databases import collections_of, has_event_log, operator_mongo
from stack.paths import StatePaths, state_paths
from stack.principals import PRINCIPALS, SERVICES
from stack.private_files import read_json, write_json

__all__ = ["Verdict", "add_audit_commands", "verify"]

_BATCH: Final = 1_000
# So many are named; there may be as many as rows.
_MOST_NAMED: Final = 20

# As argparse's subparsers give it: name, what to run, what it does.
Add = Callable[[str, Callable[[Any], int], str], argparse.ArgumentParser]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one service's log.

    Attributes:
        rows: How many there are.
        unsealed: How many were written before there were seals.
        position: Of the last row.
        seal: Of the last row, in hexadecimal digits.
        breaks: What is wrong; the first twenty of it.
    """

    service: str
    rows: int
    unsealed: int
    position: int
    seal: str
    breaks: tuple[Break, ...]


def add_audit_commands(add: Add) -> None:
    """Add them to the parser behind ``./crm``."""
    audit = add("audit", _verify, "see whether what was logged is still there")
    verbs = audit.add_subparsers(required=True, metavar="verb")
    does = "find rows of the event logs that were altered, removed or added"
    verb = verbs.add_parser("verify", help=does, description=does)
    verb.set_defaults(run=_verify)
    verb.add_argument("--json", action="store_true", help="for programs")


def _verify(given: argparse.Namespace) -> int:
    verdicts = verify(state_paths())
    if given.json:
        print(json.dumps([dataclasses.asdict(each) for each in verdicts], indent=2))
    else:
        print("\n".join(_lines(verdicts)))
    return 1 if any(each.breaks for each in verdicts) else 0


def _lines(verdicts: list[Verdict]) -> Iterator[str]:
    for each in verdicts:
        state = "BROKEN" if each.breaks else "sound"
        before = f", {each.unsealed} from before seals" if each.unsealed else ""
        head = f"the last sealed {each.seal[:16]}" if each.seal else "nothing sealed"
        yield f"{each.service:<10}{state:<8}{each.rows} rows{before}, {head}"
    for each in verdicts:
        for found in each.breaks:
            where = f"row {found.first}"
            if found.last != found.first:
                where = f"rows {found.first} to {found.last}"
            yield f"! {each.service}: {where} {found.problem}"


def verify(paths: StatePaths) -> list[Verdict]:
    """Walk along every log, and remember where each ends if all are sound.

    It reads all of them; ten thousand rows take about half a second.

    Raises:
        StackError: MongoDB does not answer.
    """
    memory = paths.root / "audit.json"
    seen = read_json(memory) or {}
    with operator_mongo(paths) as client:
        verdicts = [
            _walk(
                service,
                client[str(PRINCIPALS[service].database)],
                (paths.secrets_of(service) / "vault_key").read_text().strip(),
                seen.get(service),
            )
            for service in SERVICES
            if has_event_log(collections_of(service))
        ]
    if not any(each.breaks for each in verdicts):
        _remember(memory, verdicts)
    return verdicts


def _walk(
    service: str, database: Database[Any], key: str, seen: dict[str, Any] | None
) -> Verdict:
    # In this order: what is written meanwhile is left out.
    lease = database[LEASES.name].find_one({"_id": "relay"}) or {}
    last = lease.get("position", 0)
    before, most_unsealed = {}, last
    if seen is not None:
        most_unsealed = seen["unsealed"]
        last = max(last, seen["position"])
        if seen["seal"]:
            before = {seen["position"]: bytes.fromhex(seen["seal"])}
    rows = database[EVENT_LOG.name].find(
        {"position": {"$lte": last}}, sort=[("position", 1)], batch_size=_BATCH
    )
    walk = Walk(Chain(key), before, most_unsealed)
    breaks = walk.breaks(rows, last)
    named = tuple(islice(breaks, _MOST_NAMED))
    deque(breaks, maxlen=0)
    return Verdict(
        service=service,
        rows=walk.rows,
        unsealed=walk.unsealed,
        position=walk.position,
        seal=walk.seal.hex(),
        breaks=named,
    )


def _remember(memory: Path, verdicts: list[Verdict]) -> None:
    now = datetime.now(tz=UTC).isoformat(timespec="seconds")
    write_json(
        memory,
        {
            each.service: {
                "position": each.position,
                "seal": each.seal,
                "unsealed": each.unsealed,
                "at": now,
            }
            for each in verdicts
        },
    )
