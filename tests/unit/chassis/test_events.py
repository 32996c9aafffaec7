import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from chassis.context import Context
from chassis.events import (
    Event,
    changes_between,
    envelope,
    event_id,
    next_delay_s,
    wire_time,
)
from chassis.ids import new_id
from chassis.money import Money


@dataclass(frozen=True)
class Thing:
    name: str
    price: Money | None = None
    due_on: date | None = None
    tags: tuple[str, ...] = ()
    version: int = 1


class TestNextDelay:
    @pytest.mark.parametrize(
        ("attempt", "expected"),
        [(1, 1), (2, 5), (3, 30), (4, 300), (5, 1_800), (6, None), (0, None)],
    )
    def test_grows_and_ends(self, attempt, expected):
        assert next_delay_s(attempt) == expected


class TestChangesBetween:
    def test_names_what_differs_in_json(self):
        before = Thing("a")
        after = Thing("b", Money(Decimal("1.50"), "EUR"), date(2026, 1, 2), ("x",), 2)

        changes = changes_between(before, after)

        assert json.loads(json.dumps(changes)) == changes
        assert set(changes) == {"name", "price", "due_on", "tags"}
        assert changes["price"]["to"] == {"amount": "1.50", "currency": "EUR"}

    def test_of_a_new_record_start_from_nothing(self):
        assert changes_between(None, Thing("a"))["name"] == {"from": None, "to": "a"}


class TestEnvelope:
    def test_is_plain_json_and_says_who_did_it(self):
        context = Context(
            caller=None,
            org_id=new_id(),
            actor={"type": "person", "id": "p"},
            operation_id=new_id(),
            request_id="r",
            traceparent="",
            deadline=0,
        )
        thing = {"type": "thing", "id": new_id()}
        event = Event(name="svc.thing_done", data={"a": 1}, changes={"b": {}})

        made = envelope(event, thing, 3, {"owner_id": None, "acl": []}, context)

        assert json.loads(json.dumps(made)) == made
        assert made["id"] == event_id(thing["id"], 3)
        assert made["actor"] == {"type": "person", "id": "p"}
        assert "changes" not in made


class TestWireTime:
    def test_is_utc_with_milliseconds(self):
        moment = datetime(2026, 1, 31, 9, 30, 0, 123_456, tzinfo=UTC)

        assert wire_time(moment) == "2026-01-31T09:30:00.123Z"
