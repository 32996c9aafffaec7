"""The demo's second half: one customer's timeline, segment and past."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from stack.cdnow import Purchase
from stack.demo_client import Client

__all__ = ["show_past", "show_timeline"]

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
