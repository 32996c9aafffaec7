"""Definitions in the real database: they find what looking at each record finds."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pymongo import MongoClient

from chassis.auth import Caller
from chassis.context import operator_context
from chassis.fields import Clock
from chassis.ids import new_id
from chassis.money import Money
from svc_customer.domain.contacts import new_contact
from svc_customer.domain.definitions import Happened, Property, leaves
from svc_customer.domain.interactions import new_interaction
from svc_customer.domain.segments import expanded, new_segment
from svc_customer.repository import memberships as membership_module
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.interaction_days import InteractionDays
from svc_customer.repository.interactions import InteractionRepository
from svc_customer.repository.memberships import Memberships
from svc_customer.repository.segment_clock import SegmentClock, is_timely, next_turn
from svc_customer.repository.segment_conditions import Compiler
from svc_customer.repository.segment_moves import Plan
from svc_customer.repository.segment_previews import SegmentPreviews
from svc_customer.repository.segments import SegmentRepository

pytestmark = pytest.mark.integration
UTC_ZONE = ZoneInfo("UTC")
NOW = datetime.now(tz=UTC).replace(hour=12, minute=0, second=0, microsecond=0)
MANY = 60
STAGES = ("lead", "customer", "other")
TYPES = ("call", "purchase")


@pytest.fixture(scope="module")
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True, w="majority") as client:
        yield client["rapport_customer"]


@pytest.fixture(scope="module")
def context():
    context = operator_context(new_id())
    context.caller = Caller(
        principal_id="ada",
        principal_type="person",
        org_id=context.org_id,
        roles=(),
        team_ids=(),
        grants={"*": "all"},
        expires_at=0,
        token_id="t",  # noqa: S106 - a token's id is no secret
        currency="EUR",
    )
    return context


@pytest.fixture(scope="module")
def world(database, context):
    """Contacts and what happened with them, as values."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    contacts = ContactRepository(database, context)
    interactions = InteractionRepository(database, context)
    people, happened = [], []
    for number in range(MANY):
        data = {
            "last_name": f"L{number % 7}",
            "lifecycle_stage": chance.choice(STAGES),
            "tags": tuple(chance.sample(("a", "b", "c"), chance.randrange(3))),
            "owner_id": chance.choice(("ada", "bob")),
        }
        made = new_contact(new_id(), data, None, NOW - timedelta(days=number))
        if number % 10 == 9:
            made = made.archived(NOW)
        people.append(contacts.add(made))
        for _ in range(chance.randrange(6)):
            values = {
                "type": chance.choice(TYPES),
                "contact_id": made.id,
                "occurred_at": NOW - timedelta(days=chance.randrange(-3, 60)),
                "amount": Money(Decimal(chance.randrange(50)), "EUR"),
            }
            entry = new_interaction(new_id(), values, None, NOW)
            happened.append(interactions.add(entry))
    InteractionDays(database, context).count([each.id for each in happened])
    return people, happened


def random_definition(chance, level=1):
    kind = chance.choice(["all", "any", "not", *["leaf"] * level])
    if level == 4 or kind == "leaf":
        return random_leaf(chance)
    if kind == "not":
        return {"not": random_definition(chance, level + 1)}
    parts = chance.randrange(1, 4)
    return {kind: [random_definition(chance, level + 1) for _ in range(parts)]}


def random_leaf(chance):
    asked = chance.choice(["stage", "tags", "age", "count", "amount"])
    if asked == "stage":
        operator = chance.choice(["eq", "ne"])
        value = chance.choice(STAGES)
        return {"field": "lifecycle_stage", "op": operator, "value": value}
    if asked == "tags":
        return {"field": "tags", "op": chance.choice(["eq", "ne"]), "value": "a"}
    if asked == "age":
        operator = chance.choice(["gte", "lt"])
        return {"field": "created_at", "op": operator, "value": "last_20_days"}
    leaf = {"interactions": chance.choice([None, *TYPES]), **random_window(chance)}
    operator = chance.choice(["gte", "lte", "eq"])
    if asked == "count":
        return {**leaf, "count": {operator: chance.randrange(4)}}
    return {**leaf, "amount": {operator: str(chance.randrange(80))}}


def random_window(chance):
    if chance.random() < 0.3:
        return {}
    window = {"within": f"{chance.randrange(1, 70)}d"}
    if chance.random() < 0.3:
        day = datetime.now(tz=UTC).date() - timedelta(days=chance.randrange(60))
        window["as_of"] = day.isoformat()
    return window


def fits(definition, contact, happened, today):
    """The same by looking at one record, as somebody would who knows no index."""
    if "all" in definition:
        return all(fits(p, contact, happened, today) for p in definition["all"])
    if "any" in definition:
        return any(fits(p, contact, happened, today) for p in definition["any"])
    if "not" in definition:
        return not fits(definition["not"], contact, happened, today)
    if "field" in definition:
        return has_value(definition, contact, today)
    days = int(definition.get("within", "0d")[:-1])
    today = date.fromisoformat(definition.get("as_of", today.isoformat()))
    mine = [
        each
        for each in happened
        if each.contact_id == contact.id
        and definition["interactions"] in {None, each.type}
        and (not days or 0 <= (today - each.occurred_at.date()).days < days)
    ]
    value, bounds = len(mine), definition.get("count")
    if bounds is None:
        value = sum(each.amount.amount for each in mine)
        bounds = {name: Decimal(text) for name, text in definition["amount"].items()}
    ((operator, bound),) = bounds.items()
    return {"gte": value >= bound, "lte": value <= bound, "eq": value == bound}[
        operator
    ]


def has_value(definition, contact, today):
    name, operator = definition["field"], definition["op"]
    if name == "created_at":
        is_young = (today - contact.created_at.date()).days < 20
        return is_young if operator == "gte" else not is_young
    stored = getattr(contact, name)
    found = definition["value"] in (stored if name == "tags" else (stored,))
    return found == (operator == "eq")


def segment_of(definition):
    data = {"resource": "contacts", "kind": "dynamic", "name": "S"}
    return new_segment(new_id(), {**data, "definition": definition}, None, NOW)


def plan_of(definition):
    segment = segment_of(definition).completed(1, NOW)
    return Plan(segment, expanded(segment, {}))


def members(database, plan):
    rows = database["contacts"].find({"segment_keys": plan.key})
    return {row["_id"] for row in rows}


def true_members(world, definition, now=NOW):
    people, happened = world
    return {
        each.id
        for each in people
        if each.archived_at is None and fits(definition, each, happened, now.date())
    }


@pytest.fixture(scope="module")
def definitions():
    chance = random.Random(17)  # noqa: S311 - the same each time
    return [random_definition(chance) for _ in range(80)]


class TestEvaluate:
    def test_finds_whom_looking_at_each_finds(
        self, database, context, world, definitions
    ):
        plans = [plan_of(definition) for definition in definitions]
        ids = dict.fromkeys([each.id for each in world[0]], context)
        memberships = Memberships(database, context)
        memberships.evaluate("contacts", ids, plans, {}, NOW)
        again = memberships.evaluate("contacts", ids, plans, {}, NOW)

        for plan, definition in zip(plans, definitions, strict=True):
            assert members(database, plan) == true_members(world, definition)
        assert again == set()

    @pytest.mark.parametrize("is_in", [True, False])
    def test_changes_nothing_by_what_a_build_was_before(
        self, database, context, world, is_in
    ):
        """Its end was told of meanwhile: it would be told again, or never be ended."""
        chosen = next(each.id for each in world[0] if each.archived_at is None)
        segments = SegmentRepository(database, context)
        memberships = Memberships(database, context)
        asked = {"field": "id", "op": "eq" if is_in else "ne", "value": chosen}
        # Nobody else looks at a snapshot's members.
        snapshot = replace(segment_of(asked), kind="snapshot", name=new_id())
        built = replace(snapshot, build=2, built=2)
        stored = segments.add(built)
        segments.note_settled(stored.id, 2)
        database["contacts"].update_one(
            {"_id": chosen}, {"$addToSet": {"segment_keys": stored.key}}
        )
        before = database["contacts"].find_one({"_id": chosen})
        late = replace(stored, built=1, settled=1)
        plan = Plan(late, expanded(late, {}), is_building=True)
        moved = memberships.evaluate("contacts", {chosen: context}, [plan], {}, NOW)

        assert moved == set()
        assert database["contacts"].find_one({"_id": chosen}) == before

    def test_looks_again_where_a_key_has_come_that_is_not_told_of(
        self, database, context, world
    ):
        """As a build is told of, whom it lacked has come into it a moment ago."""
        chosen = next(each.id for each in world[0] if each.archived_at is None)
        two = replace(segment_of({"field": "id", "value": chosen}), build=2, built=2)
        two = replace(two, settled=1)
        keys = [two.key_of(1), two.key_of(2)]
        contacts = database["contacts"]
        contacts.update_one({"_id": chosen}, {"$addToSet": {"segment_keys": keys[0]}})

        class ComingMeanwhile(Memberships):
            """Where somebody else writes between what is seen and what is stored."""

            def _change(self, resource, move):
                added = {"$addToSet": {"segment_keys": keys[1]}}
                contacts.update_one({"_id": chosen}, added)
                return super()._change(resource, move)

        ComingMeanwhile(database, context).settle(two, {chosen: context})
        row = contacts.find_one({"_id": chosen})
        left = [
            each
            for each in row.get("pending_events", ())
            if each["data"].get("segment_id") == two.id
        ]

        assert set(keys) & set(row["segment_keys"]) == {keys[1]}
        assert left == []

    def test_numbers_the_events_of_a_record_without_a_hole(
        self, database, context, world
    ):
        people, _ = world
        chosen = people[0].id
        plan = plan_of({"field": "id", "op": "eq", "value": chosen})
        memberships = Memberships(database, context)
        memberships.evaluate("contacts", {chosen: context}, [plan], {}, NOW)
        row = database["contacts"].find_one({"_id": chosen})
        logged = database["event_log"].find({"data.record_id": chosen})
        waiting = row.get("pending_events", ())
        told = {each["sequence"] for each in (*logged, *waiting)}

        assert told == set(range(1, row["membership_sequence"] + 1))
        assert (row["version"], row["sequence"]) == (1, 0)


class TestSize:
    def test_is_of_those_who_came_however_early_they_are_counted(
        self, database, context, world, monkeypatch
    ):
        counting = Memberships(database, context)

        class CountedAtOnce(SegmentRepository):
            """Has members counted as soon as that is expected, as a timer may."""

            def expect_recount(self, segment_ids, now):
                super().expect_recount(segment_ids, now)
                for each in segment_ids:
                    size = counting.count(segment, segment.key)
                    self.note_size(each, size, now, now)

        monkeypatch.setattr(membership_module, "SegmentRepository", CountedAtOnce)
        segments = SegmentRepository(database, context)
        data = {"resource": "contacts", "kind": "manual", "name": new_id()}
        segment = segments.add(new_segment(new_id(), data, None, NOW))
        live = [each.id for each in world[0] if each.archived_at is None]
        sizes = []
        for is_in in (True, False):
            Memberships(database, context).put(segment, live, is_in=is_in)
            sizes.append(segments.find(segment.id).size)

        assert sizes == [len(live), 0]


class TestAffected:
    @pytest.mark.parametrize("days", [1, 2, 30])
    def test_has_everybody_for_whom_time_makes_a_difference(
        self, database, context, world, definitions, days
    ):
        later = NOW + timedelta(days=days)
        clock = SegmentClock(database, context)
        span = tuple(Clock(each, UTC_ZONE) for each in (NOW, later))
        for definition in definitions:
            plan = plan_of(definition)
            affected = set()
            for leaf in leaves(plan.node):
                affected |= all_affected(clock, leaf, span)
            before = true_members(world, definition)
            after = true_members(world, definition, later)

            assert before ^ after <= affected

    def test_are_nobody_without_windows_and_dates(self):
        fields = ContactRepository.fields
        stage = Property("", "lifecycle_stage", "eq", "lead")
        day = Property("", "created_at", "gte", "2026-01-31")
        relative = Property("", "created_at", "gte", "last_20_days")
        always = Happened("", None, {"gte": 1})
        found = [
            is_timely(each, fields, UTC_ZONE) for each in (stage, day, always, relative)
        ]

        assert found == [False, False, False, True]

    def test_are_looked_for_when_the_next_day_begins(self):
        turn = next_turn(Clock(NOW, UTC_ZONE))

        assert turn == NOW.replace(hour=0) + timedelta(days=1)


def all_affected(clock, leaf, span):
    found, after = set(), ""
    fields = ContactRepository.fields
    if not is_timely(leaf, fields, UTC_ZONE):
        return found
    while ids := clock.affected("contacts", leaf, fields, span, after=after, limit=3):
        assert ids == sorted(ids)
        found |= set(ids)
        after = ids[-1]
    return found


class TestPreview:
    def test_counts_what_looking_at_each_finds(
        self, database, context, world, definitions
    ):
        previews = SegmentPreviews(database, context)
        for definition in definitions:
            plan = plan_of(definition)
            compiler = Compiler(
                fields=ContactRepository.fields,
                clock=Clock(NOW, UTC_ZONE),
                segments={},
                holding=lambda _: {},
            )
            found = previews.preview("contacts", plan.node, compiler)
            truth = true_members(world, definition)

            assert (found.count, found.is_capped) == (len(truth), False)
            assert {each.id for each in found.sample} <= truth
            assert len(found.sample) == min(10, len(truth))
