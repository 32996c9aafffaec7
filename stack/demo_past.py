"""The demo's second half: a timeline, a segment of customers, a past."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from threading import Event
from typing import Any, Final

from stack.cdnow import Purchase
from stack.demo_client import Client

__all__ = ["show_past", "show_segment", "show_timeline"]

_SEGMENT: Final = "Three purchases in 90 days"
_TIMES: Final = 3
_DAYS: Final = 90
_WITHIN_S: Final = 60
_TITLES: Final = ("Collector", "Regular customer")

Say = Callable[[str, object], None]


def show_timeline(
    client: Client,
    say: Say,
    bought: Sequence[Purchase],
    contact_ids: Mapping[str, str],
) -> str:
    """The timeline of whoever bought most often; their contact's id."""
    ((number, count),) = Counter(each.customer for each in bought).most_common(1)
    contact_id = contact_ids[number]
    name = client.get(f"/v1/contacts/{contact_id}")
    say("Bought most often", f"{name['first_name']} {name['last_name']}, {count} times")
    path = f"/v1/interactions?filter[contact_id]={contact_id}"
    for what, sort in (("first", "occurred_at"), ("last", "-occurred_at")):
        (entry,) = client.get(f"{path}&sort={sort}&limit=1")["data"]
        amount = entry["amount"]
        say(
            f"  the {what} on the timeline",
            f"{entry['occurred_at'][:10]} {entry['type']} "
            f"{amount['amount']} {amount['currency']}",
        )
    return contact_id


def show_segment(client: Client, say: Say, bought: Sequence[Purchase]) -> bool:
    """Who bought three times in the last 90 days of the data.

    The segment is made by the first run, and only looked at by others.

    Returns:
        Whether those are in it who are to be.
    """
    last_day = max(each.bought_on for each in bought)
    first_day = last_day - timedelta(days=_DAYS - 1)
    counted = Counter(each.customer for each in bought if each.bought_on >= first_day)
    expected = sum(count >= _TIMES for count in counted.values())
    definition = {
        "interactions": "purchase",
        "count": {"gte": _TIMES},
        "within": f"{_DAYS}d",
        "as_of": last_day.isoformat(),
    }
    asked = {"resource": "contacts", "definition": definition}
    # Interactions are counted a little later than they are stored.
    found = _awaited(
        lambda: client.make("/v1/segments/preview", asked),
        lambda preview: preview["count"] >= expected,
    )
    what = f"{found['count']} of {expected} up to {last_day}"
    say(f"Preview: {_SEGMENT.lower()}", what)
    known = client.get(f"/v1/segments?filter[name]={_SEGMENT}")["data"]
    if not known:
        payload = {**asked, "kind": "dynamic", "name": _SEGMENT}
        known = [client.make("/v1/segments", payload)]
    path = f"/v1/segments/{known[0]['id']}"
    segment = _awaited(lambda: client.get(path), lambda now: now["size"] == expected)
    say("Dynamic segment", f"{segment['size']} members, {segment['status']}")
    members = client.get(f"{path}/members?limit=3")["data"]
    names = [f"{each['first_name']} {each['last_name']}" for each in members]
    say("  among them", ", ".join(names))
    return bool(segment["size"] == expected)


def _awaited(
    look: Callable[[], dict[str, Any]], is_so: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """What ``look`` finds when it is so, or when that took too long."""
    deadline = time.monotonic() + _WITHIN_S
    pause = Event()
    while not is_so(found := look()) and time.monotonic() < deadline:
        pause.wait(0.5)
    return found


def show_past(client: Client, say: Say, contact_id: str) -> None:
    """Change somebody, then look at them as they were before and after it."""
    path = f"/v1/contacts/{contact_id}"
    before = client.get(path)
    title = _TITLES[before["job_title"] == _TITLES[0]]
    after = client.change(path, {"job_title": title})
    for what, then in (("before", before), ("after", after)):
        record = client.get(f"{path}?as_of={then['updated_at']}")
        say(
            f"As of {what} the change",
            f"version {record['version']}, job title {record['job_title']}",
        )
    (latest,) = client.get(f"{path}/history?limit=1")["data"]
    say("  its history says", f"{latest['event']} {_told(latest['changes'])}")


def _told(changes: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {each['from']} -> {each['to']}" for name, each in changes.items()
    )
