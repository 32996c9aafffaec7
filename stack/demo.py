"""The main job, end to end over HTTP, on real customers.

Customers and purchases are told by what their source calls them, so the demo can
be interrupted and run again: what is there stays as it is, and is counted once.
Each run makes and converts another lead.
"""

import mailbox
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Final

from stack.cdnow import Customer, Purchase, customers, purchases
from stack.demo_client import Client
from stack.demo_past import show_past, show_segment, show_timeline
from stack.errors import StackError

__all__ = ["main"]

_BATCH: Final = 200
_AT_ONCE: Final = 2
_COUNTED_WITHIN_S: Final = 60


def main(status: Mapping[str, Any]) -> int:
    """Run the demo against a running stack; 0 if all of it came out right."""
    started = time.monotonic()
    with Client(status["gateway"], status["demo"]) as client:
        _say("Logged in as", client.get("/v1/me")["email"])
        known = list(customers())
        bought = list(purchases())
        contacts = [_contact(each) for each in known]
        ids = _import(client, "/v1/contacts", "contacts", contacts)
        contact_ids = dict(zip((each.number for each in known), ids, strict=True))
        rows = [_purchase(each, contact_ids[each.customer]) for each in bought]
        _import(client, "/v1/interactions", "purchases", rows)
        _convert_a_lead(client)
        counted = _show_counts(client, len(bought))
        loyal = show_timeline(client, _say, bought, contact_ids)
        found = show_segment(client, _say, bought)
        show_past(client, _say, loyal)
        _show_mail(client, status["mailbox"])
    _say("Done in", f"{time.monotonic() - started:.1f} s")
    return 0 if counted and found else 1


def _say(what: str, result: object) -> None:
    print(f"{what:<28} {result}", flush=True)


def _import(
    client: Client, path: str, noun: str, records: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Store every record in batches, two at a time; their ids, in order.

    They are told by what cdnow calls them, so that those there stay as they are.

    Raises:
        StackError: One was refused.
    """
    started = time.monotonic()
    ids: list[str] = []
    batches = [
        records[first : first + _BATCH] for first in range(0, len(records), _BATCH)
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for stored in pool.map(lambda each: _upsert(client, path, each), batches):
            ids += stored
            _show_progress(noun, len(ids), len(records))
    took_s = time.monotonic() - started
    rate = len(records) / took_s
    _say(f"Imported {noun}", f"{len(records)} in {took_s:.1f} s, {rate:.0f}/s")
    return ids


def _upsert(
    client: Client, path: str, records: Sequence[Mapping[str, Any]]
) -> list[str]:
    operations = [
        {"op": "upsert", "match_by": "external_id", "data": each} for each in records
    ]
    answer = client.make(f"{path}/batch", {"operations": operations})
    for row in answer["results"]:
        if "error" in row:
            raise StackError(f"A row of {path} was refused: {row['error']}")
    return [row["id"] for row in answer["results"]]


def _show_progress(noun: str, done: int, of: int) -> None:
    if sys.stdout.isatty():
        end = "\n" if done == of else ""
        print(f"\r  {noun} {done}/{of}", end=end, flush=True)


def _contact(customer: Customer) -> dict[str, Any]:
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": f"customer-{customer.number}@cdnow.example",
        "lifecycle_stage": "customer",
        "source": "cdnow",
        "external_ids": {"cdnow": customer.number},
    }


def _purchase(purchase: Purchase, contact_id: str) -> dict[str, Any]:
    return {
        "type": "purchase",
        "contact_id": contact_id,
        "occurred_at": f"{purchase.bought_on.isoformat()}T12:00:00Z",
        "amount": {"amount": str(purchase.amount), "currency": "USD"},
        "metadata": {"discs": purchase.discs},
        "external_ids": {"cdnow": f"line-{purchase.line}"},
    }


def _convert_a_lead(client: Client) -> None:
    lead = client.make(
        "/v1/leads",
        {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "company": "Analytical Engines",
            "email": "ada@engines.example",
            "source": "demo",
        },
    )
    _say("Created lead", f"{lead['id']} ({lead['status']})")
    lead = client.make(f"/v1/leads/{lead['id']}/qualify", {})
    _say("Qualified it", lead["status"])
    made = client.make(
        f"/v1/leads/{lead['id']}/convert",
        {
            "opportunity": {
                "name": "Difference engine",
                "amount": {"amount": "17470.00", "currency": "USD"},
            }
        },
    )
    for noun, plural in (
        ("account", "accounts"),
        ("contact", "contacts"),
        ("opportunity", "opportunities"),
    ):
        record = client.get(f"/v1/{plural}/{made[f'{noun}_id']}")
        _say(f"  became {noun}", record.get("name") or record["last_name"])
    _show_overview(client, made["account_id"])


def _show_overview(client: Client, account_id: str) -> None:
    """One line of the view that several services answer together."""
    sections = client.get(f"/v1/accounts/{account_id}/overview")["sections"]
    parts = [
        f"{len(section['data']['data'])} {name}"
        if section["status"] == "ok"
        else f"{name} {section['status']}"
        for name, section in sections.items()
        if name != "account"
    ]
    _say("Overview of the account", ", ".join(parts))


def _show_counts(client: Client, expected: int) -> bool:
    """Wait until the counts are complete and quiet; whether each counted once."""
    deadline = time.monotonic() + _COUNTED_WITHIN_S
    pause = Event()
    before: Mapping[str, Any] = {}
    while True:
        activity = client.get("/v1/analytics/activity")
        counted = activity["interactions"].get("purchase", 0)
        is_quiet = activity["totals"] == before
        if (is_quiet and counted >= expected) or time.monotonic() > deadline:
            break
        before = activity["totals"]
        pause.wait(0.5)
    for event, count in activity["totals"].items():
        _say(f"  {event}", count)
    _say("Analytics counted", f"{counted} purchases of {expected}")
    _say("  the last within", f"{activity['lag_ms']} ms")
    return bool(counted == expected)


def _show_mail(client: Client, path: str) -> None:
    deliveries = client.get("/v1/deliveries?filter[template]=welcome")["data"]
    for delivery in deliveries:
        _say("Delivery", f"{delivery['template']} {delivery['status']}")
    recipients = {delivery["recipient"] for delivery in deliveries}
    for message in _messages(path):
        if message["To"] in recipients:
            _say("E-mail arrived", f"{message['Subject']!r} for {message['To']}")


def _messages(path: str) -> Iterable[Any]:
    box = mailbox.Maildir(path, create=False)
    try:
        return list(box)
    finally:
        box.close()
