"""``./crm bench customer``, first part: reading records at fixed rates."""

import http.client
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from evaluation.bench.counting import Meter
from evaluation.bench.rated import Asker, Rated, together
from evaluation.bench.targets import Target, below
from evaluation.bench.world import World, request
from evaluation.data.interactions import busiest_contact

__all__ = ["Read", "measure_reads", "read_targets", "reads_of"]

_CONTACTS: Final = 1_000
# A rate needs longer than a loop for as many answers.
_LONGER: Final = 4
_PAGES: Final = 40
_ROWS: Final = 50
_TIMEOUT_S: Final = 60
# What somebody types, letter by letter, from the second one on.
_TYPED: Final = ("schmidt", "garcia anna", "müller", "o'brien", "nguyen", "petrov")


@dataclass(frozen=True, eq=False)
class Read:
    """One kind of reading, how often it is asked for, and how fast it should be.

    Attributes:
        paths: Asked for in turn.
        rate: Requests a second.
        share: Of the answers, that have to be there in time.
        bound_ms: The time.
    """

    name: str
    paths: Sequence[str]
    rate: int
    share: float
    bound_ms: float

    def target(self, found: Rated) -> Target:
        """The figure against its bound."""
        name = f"{self.name}, {self.rate}/s, p{self.share * 100:.0f}"
        return below(name, found.ms(self.share), self.bound_ms, "ms")


def reads_of(world: World) -> list[Read]:
    """All kinds of reading."""
    ids = world.contact_ids(_CONTACTS)
    return [
        Read("one contact", [f"/v1/contacts/{each}" for each in ids], 50, 0.99, 20),
        Read(
            "two filters and a sort",
            [_list("/v1/contacts", each) for each in _filtered(world)],
            20,
            0.95,
            60,
        ),
        Read("search as you type", list(_typed()), 20, 0.95, 100),
        Read("a page of a timeline", list(_timelines(world, ids)), 20, 0.95, 40),
    ]


def _list(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode({'limit': str(_ROWS), **parameters})}"


def _filtered(world: World) -> list[Mapping[str, str]]:
    """Pairs of filters that find many, few or hardly any, in several orders."""
    owners = world.organization.owner_ids
    stage, source = "filter[lifecycle_stage]", "filter[source]"
    pairs: list[Mapping[str, str]] = [
        {stage: "customer", source: "website"},
        {stage: "evangelist", source: "app_store"},
        {"filter[owner_id]": owners[0], stage: "lead"},
        {"filter[owner_id]": owners[-1], "filter[tags]": "newsletter"},
        {"filter[last_name][starts_with]": "sch", stage: "customer"},
        {"filter[created_at][gte]": "2025-06-01", "filter[do_not_contact]": "true"},
        {"filter[tags]": "vip", f"{source}[in]": "partner,referral"},
    ]
    orders = ("-created_at", "last_name", "-updated_at")
    return [{**pair, "sort": sort} for pair in pairs for sort in orders]


def _typed() -> Iterator[str]:
    for text in _TYPED:
        for length in range(2, len(text) + 1):
            typed = text[:length].strip()
            yield f"/v1/search?{urlencode({'q': typed, 'types': 'contacts'})}"


def _timelines(world: World, contact_ids: Sequence[str]) -> Iterator[str]:
    """Pages anywhere in the longest timeline, and first ones of others."""
    (longest,) = world.organization.contacts(
        number := busiest_contact(world.organization), number + 1
    )
    (token,) = world.tokens(count=1)
    parameters = {"filter[contact_id]": longest.id, "sort": "-occurred_at"}
    first = _list("/v1/interactions", parameters)
    cursors = list(_cursors(world.port, first, token))
    step = max(len(cursors) // _PAGES, 1)
    yield first
    for cursor in cursors[::step]:
        yield f"{first}&cursor={quote(cursor)}"
    for each in contact_ids[:_PAGES]:
        own = {"filter[contact_id]": each, "sort": "-occurred_at"}
        yield _list("/v1/interactions", own)


def _cursors(port: int, path: str, token: str) -> Iterator[str]:
    """Those of all pages behind the first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {token}"}
    wanted = path
    for _ in itertools.count():
        connection.request("GET", wanted, headers=headers)
        cursor = json.loads(connection.getresponse().read())["page"]["next_cursor"]
        if cursor is None:
            break
        yield cursor
        wanted = f"{path}&cursor={quote(cursor)}"
    connection.close()


def measure_reads(
    world: World,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
) -> dict[Read, Rated]:
    """Each kind at its rate, round by round, past the cache of answers.

    Raises:
        ValueError: Not one request of a kind succeeded.
    """
    asker = Asker(meter, world.port)
    tokens = itertools.cycle(world.tokens())
    kinds = [
        (
            read,
            [
                request("GET", path, token, headers=["Cache-Control: no-cache"])
                for path, token in zip(read.paths, tokens, strict=False)
            ],
        )
        for read in reads_of(world)
    ]
    runs: dict[str, list[Any]] = {}
    for number in range(rounds):
        for read, requests in kinds:
            say(f"{read.name}, round {number + 1} of {rounds}")
            long = seconds * _LONGER
            run = asker.ask(requests, rate=read.rate, seconds=long)
            runs.setdefault(read.name, []).append(run)
    return {read: together(runs[read.name]) for read, _ in kinds}


def read_targets(found: Mapping[Read, Rated]) -> list[Target]:
    """Every kind against its bound."""
    return [read.target(rated) for read, rated in found.items()]
