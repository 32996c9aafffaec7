import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.context import Context
from chassis.events import (
    Event,
    attempt_of,
    changes_between,
    envelope,
    event_id,
    next_delay_s,
    wire_time,
)
from chassis.ids import new_id
from chassis.money import Money
from chassis.topology import RETRY_DELAYS_S

# Whatever an AMQP header table can hold, and more.
HEADER_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**31 - 3)
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
LADDERS = st.lists(st.integers(min_value=0, max_value=86_400), max_size=12)


def climb(first_header, delays_s):
    """The delays that a message gets which fails every time."""
    headers, delays = first_header, []
    while (delay_s := next_delay_s(attempt_of(headers), delays_s)) is not None:
        delays.append(delay_s)
        headers = {"x-attempt": attempt_of(headers)}
    return delays, attempt_of(headers)


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

    @given(st.integers(), LADDERS)
    def test_is_one_of_the_rungs_or_none(self, attempt, delays_s):
        delay_s = next_delay_s(attempt, delays_s)

        assert delay_s is None or delay_s in delays_s
        assert (delay_s is None) == (not 1 <= attempt <= len(delays_s))


class TestAttemptOf:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            (None, 1),
            ({}, 1),
            ({"x-attempt": 0}, 1),
            ({"x-attempt": 4}, 5),
            ({"x-attempt": -4}, 1),
            ({"x-attempt": "4"}, 1),
            ({"x-attempt": 4.0}, 1),
            ({"x-attempt": True}, 1),
            ({"x-attempt": 2**63}, 2**31 - 1),
        ],
    )
    def test_counts_on_from_a_count_alone(self, headers, expected):
        assert attempt_of(headers) == expected

    @given(HEADER_VALUES)
    def test_is_a_number_that_fits_the_header_whatever_was_in_it(self, value):
        attempt = attempt_of({"x-attempt": value})

        assert type(attempt) is int
        assert 1 <= attempt < 2**31


class TestTheLadder:
    @given(LADDERS)
    @example(list(RETRY_DELAYS_S))
    def test_is_climbed_rung_by_rung_and_ends(self, delays_s):
        delays, attempts = climb(None, delays_s)

        assert delays == delays_s
        assert attempts == len(delays_s) + 1

    @given(HEADER_VALUES, LADDERS)
    def test_is_left_at_the_top_wherever_it_was_entered(self, value, delays_s):
        delays, _ = climb({"x-attempt": value}, delays_s)

        assert delays == delays_s[len(delays_s) - len(delays) :]


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


@dataclass(frozen=True)
class Shelf:
    labels: dict = field(default_factory=dict, metadata={"history": "by_key"})
    found_by: tuple = field(default=(), metadata={"history": "derived"})


class TestChangesOfObjects:
    def test_are_told_member_by_member(self):
        before = Shelf({"color": "red", "size": 3, "height": None})
        after = Shelf({"color": "blue", "size": 3, "width": 2})

        assert changes_between(before, after) == {
            "labels.color": {"from": "red", "to": "blue"},
            "labels.width": {"from": None, "to": 2},
        }

    def test_that_take_a_member_away_leave_null(self):
        changes = changes_between(Shelf({"color": "red"}), Shelf())

        assert changes == {"labels.color": {"from": "red", "to": None}}

    def test_leave_out_what_follows_from_others(self):
        assert changes_between(None, Shelf(found_by=("red",))) == {}
