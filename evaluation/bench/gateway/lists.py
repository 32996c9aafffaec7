"""``./crm bench gateway``, second part: pages of a long list."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, Summary, quantile, summarize
from evaluation.bench.rated import Asker, Rated, together
from evaluation.bench.world import World, request

__all__ = [
    "COUNTED",
    "FIRST_PAGE",
    "LAST_PAGE",
    "LIMITS",
    "OWN",
    "ListFigures",
    "measure_lists",
]

LIMITS: Final = (1, 50, 200)
FIRST_PAGE: Final = "page 1"
LAST_PAGE: Final = "the far page"
COUNTED: Final = "with its count"
OWN: Final = "of one's own"
_RATE: Final = 20
_FAR: Final = 10_000
# A rate needs longer than a loop for as many answers.
_LONGER: Final = 4
_ROWS: Final = 50
_WALKED_ROWS: Final = 200
_TIMEOUT_S: Final = 60
Filters = Mapping[str, str]


@dataclass(frozen=True)
class ListFigures:
    """What was measured.

    Attributes:
        two_filters: By pair of filters.
        pages: Of what else was asked for, one request after another.
        far: The number of the far page.
        walk_s: How long it took to get there, page by page.
        walked: Pages read on the way.
    """

    two_filters: Mapping[str, Rated]
    pages: Mapping[str, Summary]
    far: int
    walk_s: float
    walked: int

    def p95_ms(self) -> float:
        """Of all pairs of filters together."""
        every = [
            late for each in self.two_filters.values() for late in each.latencies_us
        ]
        return quantile(every, 0.95) / 1_000

    def per_row_us(self) -> float:
        """What another row adds to the median, between the least and the most."""
        least, most = (self.pages[_of(each)].p50_ms for each in (1, LIMITS[-1]))
        return (most - least) * 1_000 / (LIMITS[-1] - 1)

    def per_row_cpu_us(self) -> float:
        """The same in CPU of all processes."""
        least, most = (self.pages[_of(each)].all_cpu_ms for each in (1, LIMITS[-1]))
        return (most - least) * 1_000 / (LIMITS[-1] - 1)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "two_filters": [
                {"filters": name, **each.to_json()}
                for name, each in self.two_filters.items()
            ],
            "p95_ms": self.p95_ms(),
            "pages": [
                {"page": name, **each.to_json()} for name, each in self.pages.items()
            ],
            "far_page": self.far,
            "walk_s": self.walk_s,
            "walked_pages": self.walked,
            "row_us": self.per_row_us(),
            "row_cpu_us": self.per_row_cpu_us(),
        }


def _of(limit: int) -> str:
    return f"limit={limit}"


def measure_lists(
    world: World,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
) -> ListFigures:
    """Pairs of filters at a fixed rate; pages near and far, short and long.

    Raises:
        ValueError: Not one request of a kind succeeded.
    """
    lister = _Lister(world, meter, seconds)
    filtered: dict[str, list[Run]] = {}
    for number in range(rounds):
        say(f"two filters, round {number + 1} of {rounds}")
        for name, filters in _pairs(world).items():
            filtered.setdefault(name, []).append(lister.at_a_rate(filters))
    say("walking to the far page")
    started = time.monotonic()
    cursor, far, walked = _walk(world, lister.token)
    walk_s = time.monotonic() - started
    (own,) = world.tokens("own", count=1)
    asked: dict[str, tuple[Filters, str]] = {
        FIRST_PAGE: ({}, lister.token),
        LAST_PAGE: ({"cursor": cursor}, lister.token),
        **{_of(limit): ({"limit": str(limit)}, lister.token) for limit in LIMITS},
        COUNTED: ({"include": "count"}, lister.token),
        OWN: ({}, own),
    }
    runs: dict[str, list[Run]] = {}
    for number in range(rounds):
        say(f"pages, round {number + 1} of {rounds}")
        for name, (parameters, token) in asked.items():
            runs.setdefault(name, []).append(lister.one_by_one(parameters, token))
    return ListFigures(
        two_filters={name: together(each) for name, each in filtered.items()},
        pages={name: summarize(each) for name, each in runs.items()},
        far=far,
        walk_s=walk_s,
        walked=walked,
    )


class _Lister:
    """Asks for pages, and counts what that costs."""

    def __init__(self, world: World, meter: Meter, seconds: float) -> None:
        self._asker = Asker(meter, world.port)
        self._seconds = seconds
        (self.token,) = world.tokens(count=1)

    def at_a_rate(self, parameters: Filters) -> Run:
        """So many in a second, whatever happened to those before."""
        return self._run(parameters, self.token, _RATE, self._seconds * _LONGER)

    def one_by_one(self, parameters: Filters, token: str) -> Run:
        """The next one when the last one was answered."""
        return self._run(parameters, token, 0, self._seconds)

    def _run(self, parameters: Filters, token: str, rate: int, seconds: float) -> Run:
        wanted = request(
            "GET", _path(parameters), token, headers=["Cache-Control: no-cache"]
        )
        return self._asker.ask([wanted], rate=rate, seconds=seconds)


def _path(parameters: Filters) -> str:
    given = {"limit": str(_ROWS), **parameters}
    pairs = (f"{quote(name)}={quote(value)}" for name, value in given.items())
    return f"/v1/contacts?{'&'.join(pairs)}"


def _pairs(world: World) -> dict[str, Filters]:
    """Two filters each, that find many, few or hardly any of all contacts."""
    owners = world.organization.owner_ids
    stage, source = "filter[lifecycle_stage]", "filter[source]"
    return {
        "stage and source, both common": {stage: "customer", source: "website"},
        "stage rare, source rare": {stage: "evangelist", source: "app_store"},
        "owner of many and stage": {"filter[owner_id]": owners[0], stage: "lead"},
        "owner of few and tag": {
            "filter[owner_id]": owners[-1],
            "filter[tags]": "newsletter",
        },
        "name and stage": {
            "filter[last_name][starts_with]": "sch",
            stage: "customer",
        },
        "part of a name and source": {
            "filter[last_name][contains]": "son",
            source: "event",
        },
        "made lately, do not contact": {
            "filter[created_at][gte]": "2025-06-01",
            "filter[do_not_contact]": "true",
        },
        "two tags' worth of sources": {
            "filter[tags]": "vip",
            f"{source}[in]": "partner,referral",
        },
    }


def _walk(world: World, token: str) -> tuple[str, int, int]:
    """The cursor of the far page, its number, and how many pages were read."""
    rows_before = min((_FAR - 1) * _ROWS, world.organization.contact_count // 2)
    walked = max(rows_before // _WALKED_ROWS, 1)
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=_TIMEOUT_S)
    cursor = ""
    for _ in range(walked):
        path = f"/v1/contacts?limit={_WALKED_ROWS}&fields=id"
        if cursor:
            path += f"&cursor={quote(cursor)}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = json.loads(connection.getresponse().read())
        cursor = answer["page"]["next_cursor"]
    connection.close()
    return cursor, walked * _WALKED_ROWS // _ROWS + 1, walked
