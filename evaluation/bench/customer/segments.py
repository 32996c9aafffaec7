"""``./crm bench customer``: what segments find, and how soon they notice."""

import http.client
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, Final

from evaluation.bench.figures import quantile
from evaluation.bench.targets import Target, at_most, below
from evaluation.bench.world import World
from evaluation.data.customers import DATA_END, Organization
from stack.errors import StackError

__all__ = ["SegmentFigures", "measure_segments", "segment_targets"]

_TIMEOUT_S: Final = 60
_BUILT_WITHIN_S: Final = 600
_NOTICED_WITHIN_S: Final = 30
_POLL_S: Final = 0.02
_MOST_RECORDS: Final = 40
_LAST_DAY: Final = DATA_END.date().isoformat()
_CUSTOMERS: Final = {"field": "lifecycle_stage", "value": "customer"}


def _happened(days: int, least: int = 1, type_: str | None = None) -> dict[str, Any]:
    return {
        "interactions": type_,
        "count": {"gte": least},
        "within": f"{days}d",
        "as_of": _LAST_DAY,
    }


_DEFINITIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "a stage": _CUSTOMERS,
    "3 purchases in 90 days": _happened(90, 3, "purchase"),
    "2 purchases in 2 years": _happened(730, 2, "purchase"),
    "nothing in 90 days": {"not": _happened(90)},
    "customers who bought in 90 days": {
        "all": [_CUSTOMERS, _happened(90, 1, "purchase")]
    },
    "customers idle for 90 days": {"all": [_CUSTOMERS, {"not": _happened(90)}]},
}


@dataclass(frozen=True)
class SegmentFigures:
    """What was measured.

    Attributes:
        previews_s: By definition, how long each preview took.
        found: By definition, its count, and whether that is all.
        lags_s: From the answer to an interaction until its contact was listed
            as a member.
        unnoticed: Contacts that were no members in half a minute.
    """

    previews_s: Mapping[str, Sequence[float]]
    found: Mapping[str, tuple[int, bool]]
    lags_s: Sequence[float]
    unnoticed: int

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "previews": [
                {
                    "definition": name,
                    "seconds": list(took),
                    "count": self.found[name][0],
                    "is_capped": self.found[name][1],
                }
                for name, took in self.previews_s.items()
            ],
            "lags_s": list(self.lags_s),
            "unnoticed": self.unnoticed,
        }


def measure_segments(
    world: World, *, rounds: int, say: Callable[[str], None]
) -> SegmentFigures:
    """Preview definitions in the large organization; watch members in a small one.

    Raises:
        StackError: The gateway refused something, or a segment was not built.
    """
    (token,) = world.tokens(count=1)
    client = _Client(world.port, token)
    previews: dict[str, list[float]] = {}
    found: dict[str, tuple[int, bool]] = {}
    for number in range(rounds):
        say(f"previews, round {number + 1} of {rounds}")
        for name, definition in _DEFINITIONS.items():
            asked = {"resource": "contacts", "definition": definition}
            started = time.monotonic()
            preview = client.ask("POST", "/v1/segments/preview", asked)
            previews.setdefault(name, []).append(time.monotonic() - started)
            found[name] = preview["count"], preview["count_capped"]
    say("members of a dynamic segment")
    lags, unnoticed = _watch(world, _MOST_RECORDS)
    return SegmentFigures(previews, found, lags, unnoticed)


def _watch(world: World, most: int) -> tuple[list[float], int]:
    """Have something happen with contacts, one after another; look for them."""
    small: Organization = world.others[0]
    (token,) = world.tokens(count=1, organization=small)
    client = _Client(world.port, token)
    payload = {
        "name": "Visited today",
        "resource": "contacts",
        "kind": "dynamic",
        "definition": {"interactions": "visit", "within": "1d"},
    }
    path = f"/v1/segments/{client.ask('POST', '/v1/segments', payload)['id']}"
    if not _becomes_so(
        lambda: client.ask("GET", path)["status"] == "ready", _BUILT_WITHIN_S
    ):
        raise StackError(f"A segment was not built within {_BUILT_WITHIN_S} s.")
    lags, unnoticed = [], 0
    live = (each for each in small.contacts(0, small.contact_count))
    contacts = (each.id for each in live if each.archived_at is None)
    for contact_id in itertools.islice(contacts, most):
        entry = {"type": "visit", "contact_id": contact_id}
        client.ask("POST", "/v1/interactions", entry)
        started = time.monotonic()
        member = f"{path}/members?filter[id]={contact_id}&fields=id"
        if _becomes_so(partial(_lists, client, member), _NOTICED_WITHIN_S):
            lags.append(time.monotonic() - started)
        else:
            unnoticed += 1
    return lags, unnoticed


def _lists(client: "_Client", path: str) -> bool:
    return bool(client.ask("GET", path)["data"])


def _becomes_so(condition: Callable[[], Any], within_s: float) -> bool:
    """Wait for a condition; whether it came true in time."""
    pause, deadline = Event(), time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(_POLL_S)
    return True


class _Client:
    """One connection to the gateway."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=_TIMEOUT_S
        )
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def ask(
        self, method: str, path: str, payload: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer.

        Raises:
            StackError: It was a refusal.
        """
        body = None if payload is None else json.dumps(payload)
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise StackError(f"{method} {path} was answered {answer}")
        return answer


def segment_targets(found: SegmentFigures) -> list[Target]:
    """The slowest of all previews, and of all members."""
    slowest = max(took for each in found.previews_s.values() for took in each)
    lag = quantile(found.lags_s, 0.99) if found.lags_s else _NOTICED_WITHIN_S
    return [
        below("preview of a segment, the slowest", slowest, 2, "s"),
        below("from an event to membership, p99", lag, 1, "s"),
        at_most("contacts that did not become members", found.unnoticed, 0),
    ]
