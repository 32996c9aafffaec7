"""Laws of what travels on the bus, tried on whatever Hypothesis thinks of."""

import dataclasses
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis import codec
from chassis.context import Context
from chassis.errors import InvalidInputError
from chassis.events import (
    Event,
    changes_between,
    envelope,
    event_id,
    read_envelope,
)
from chassis.handling import _context
from chassis.ids import is_id
from chassis.money import Money

IDS = st.uuids().map(str)
SEQUENCES = st.integers(1, 2**53)
# What MongoDB and JSON both keep: the data of an event passes through both.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(), JSON_VALUES, max_size=2)
EVENTS = st.builds(
    Event,
    name=st.from_regex(r"[a-z]+\.[a-z_]+", fullmatch=True),
    data=OBJECTS,
    changes=OBJECTS,
    version=st.integers(1, 100),
)
CONTEXTS = st.builds(
    Context,
    caller=st.none(),
    org_id=IDS,
    actor=st.fixed_dictionaries({"type": st.just("person"), "id": st.text()}),
    operation_id=IDS,
    request_id=st.text(),
    traceparent=st.text(),
    deadline=st.just(0.0),
)
ENVELOPES = st.builds(
    envelope,
    EVENTS,
    st.fixed_dictionaries({"type": st.text(), "id": IDS}),
    SEQUENCES,
    st.fixed_dictionaries(
        {"owner_id": st.none() | IDS, "acl": st.lists(IDS, max_size=3)}
    ),
    CONTEXTS,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))


@dataclass(frozen=True)
class Part:
    label: str
    weight: Decimal


@dataclass(frozen=True)
class Thing:
    name: str
    price: Money | None
    due_at: datetime | None
    tags: frozenset[str]
    parts: tuple[Part, ...]
    version: int
    sequence: int
    updated_at: datetime


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=2)
THINGS = st.builds(
    Thing,
    name=st.text(),
    price=st.none() | st.builds(Money, AMOUNTS, st.just("EUR")),
    due_at=st.none() | MOMENTS,
    tags=st.frozensets(st.text(), max_size=3),
    parts=st.lists(st.builds(Part, st.text(), AMOUNTS), max_size=3).map(tuple),
    version=SEQUENCES,
    sequence=SEQUENCES,
    updated_at=MOMENTS,
)
BOOKKEEPING = {"version", "sequence", "updated_at"}


def refused(body):
    with pytest.raises(InvalidInputError) as caught:
        read_envelope(body)
    return caught.value.code


class TestAnEnvelope:
    @given(ENVELOPES)
    def test_comes_out_as_it_went_in(self, made):
        assert read_envelope(codec.encode(made)) == made

    @given(ENVELOPES)
    def test_makes_a_context_in_its_own_name(self, made):
        context = _context(read_envelope(codec.encode(made)))

        assert context.org_id == made["org_id"]
        assert context.operation_id == made["operation_id"]
        assert context.actor == made["actor"]

    @given(ENVELOPES, st.data())
    def test_lacks_none_of_its_fields(self, made, data):
        del made[data.draw(st.sampled_from(sorted(made)))]

        assert refused(codec.encode(made)) == "malformed_event"

    @given(ENVELOPES, st.data(), JSON_VALUES)
    def test_has_the_right_type_in_each_field(self, made, data, value):
        name = data.draw(st.sampled_from(sorted(made)))
        assume(type(value) is not type(made[name]))

        assert refused(codec.encode({**made, name: value})) == "malformed_event"

    @given(ENVELOPES, st.sampled_from(["actor", "aggregate"]), JSON_VALUES)
    def test_names_actor_and_aggregate(self, made, name, value):
        assume(not isinstance(value, str))

        for part in ("id", "type"):
            odd = {**made, name: {**made[name], part: value}}
            assert refused(codec.encode(odd)) == "malformed_event"

    @given(ENVELOPES, st.sampled_from(["id", "org_id", "occurred_at"]), st.text())
    def test_has_ids_and_a_moment_in_their_one_spelling(self, made, name, text):
        assert refused(codec.encode({**made, name: text})) == "malformed_event"

    @given(
        ENVELOPES, st.sampled_from(["version", "sequence"]), st.integers(-(2**63), 0)
    )
    def test_counts_from_one(self, made, name, number):
        assert refused(codec.encode({**made, name: number})) == "malformed_event"

    @given(ENVELOPES, OBJECTS)
    def test_may_have_fields_that_nobody_knows_yet(self, made, more):
        grown = {**more, **made}

        assert read_envelope(codec.encode(grown)) == grown


class TestWhatIsNoEnvelope:
    @given(JSON_VALUES)
    def test_is_refused_if_it_is_other_json(self, value):
        assert refused(codec.encode(value)) == "malformed_event"

    @given(st.binary() | st.text())
    def test_is_refused_if_it_is_anything(self, body):
        assert refused(body) == "malformed_event"

    @given(ENVELOPES, st.data())
    def test_is_refused_if_it_is_half_of_one(self, made, data):
        body = codec.encode(made)
        length = data.draw(st.integers(0, len(body) - 1))

        assert refused(body[:length]) == "malformed_event"

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
    def test_is_refused_if_it_is_deep(self, body):
        assert refused(body) == "malformed_event"


class TestEventId:
    @given(IDS, SEQUENCES)
    def test_is_known_beforehand_and_sorts_beside_its_aggregate(
        self, aggregate_id, sequence
    ):
        made = event_id(aggregate_id, sequence)

        assert made == event_id(aggregate_id, sequence)
        assert is_id(made)
        assert uuid.UUID(made).version == 7
        assert uuid.UUID(made).variant == uuid.RFC_4122
        # The first 48 bits are the aggregate's time.
        assert made[:13] == aggregate_id[:13]

    @given(st.sets(st.tuples(IDS, SEQUENCES), max_size=20))
    def test_is_one_per_aggregate_and_sequence(self, pairs):
        assert len({event_id(*pair) for pair in pairs}) == len(pairs)


class TestChangesBetween:
    @given(THINGS, THINGS)
    def test_name_exactly_the_fields_that_differ(self, before, after):
        differing = {
            field.name
            for field in dataclasses.fields(Thing)
            if getattr(before, field.name) != getattr(after, field.name)
        }

        assert changes_between(before, after).keys() == differing - BOOKKEEPING

    @given(THINGS, SEQUENCES, MOMENTS)
    def test_are_none_where_only_bookkeeping_differs(self, thing, number, moment):
        after = dataclasses.replace(
            thing, version=number, sequence=number, updated_at=moment
        )

        assert changes_between(thing, after) == {}

    @given(THINGS, THINGS)
    def test_backwards_are_the_same_the_other_way_round(self, before, after):
        forwards = changes_between(before, after)
        backwards = changes_between(after, before)

        assert backwards == {
            name: {"from": change["to"], "to": change["from"]}
            for name, change in forwards.items()
        }

    @given(st.none() | THINGS, THINGS)
    def test_are_json(self, before, after):
        changes = changes_between(before, after)

        assert json.loads(json.dumps(changes)) == changes
        assert codec.decode(codec.encode(changes)) == changes

    @given(THINGS)
    def test_of_what_is_new_say_what_it_is(self, thing):
        changes = changes_between(None, thing)

        assert all(change["from"] is None for change in changes.values())
        assert changes["name"]["to"] == thing.name
        assert changes["parts"]["to"] == [
            {"label": part.label, "weight": str(part.weight)} for part in thing.parts
        ]
