"""Counting interactions in the real database: always what there is."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pymongo import MongoClient

from chassis.context import operator_context
from chassis.ids import new_id
from chassis.money import Money
from svc_customer import events
from svc_customer.domain.contacts import new_contact
from svc_customer.domain.interactions import new_interaction
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.interaction_days import InteractionDays
from svc_customer.repository.interactions import InteractionRepository
from svc_customer.repository.upgrades import count_interactions

pytestmark = pytest.mark.integration
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True, w="majority") as client:
        yield client["rapport_customer"]


@pytest.fixture
def context():
    return operator_context(new_id())


@pytest.fixture
def days(database, context):
    return InteractionDays(database, context)


@pytest.fixture
def contacts(database, context):
    """Two contacts of a new organization."""
    repository = ContactRepository(database, context)
    return [
        repository.add(new_contact(new_id(), {"last_name": "L"}, None, NOW)).id
        for _ in range(2)
    ]


class Timeline:
    """Interactions that appear, change and go, without anybody counting them."""

    def __init__(self, database, context, contacts):
        self._repository = InteractionRepository(database, context)
        self._contacts = contacts
        self._chance = random.Random(7)  # noqa: S311 - the same each time
        self.ids = []

    def values(self):
        return {
            "type": self._chance.choice(["call", "purchase"]),
            "contact_id": self._chance.choice(self._contacts),
            "occurred_at": NOW + timedelta(days=self._chance.randrange(5)),
            "amount": Money(Decimal(self._chance.randrange(9)), "EUR"),
        }

    def grow(self):
        made = new_interaction(new_id(), self.values(), None, NOW)
        self._repository.add(made)
        self.ids.append(made.id)

    def move(self):
        found = self._repository.find(self._chance.choice(self.ids))
        self._repository.save(found.changed(self.values(), NOW))

    def hide_or_show(self):
        found = self._repository.find(self._chance.choice(self.ids))
        turn = found.archived if found.archived_at is None else found.restored
        self._repository.save(turn(NOW))

    def live(self):
        found = map(self._repository.find, self.ids)
        return [each for each in found if each.archived_at is None]


@pytest.fixture
def timeline(database, context, contacts):
    return Timeline(database, context, contacts)


@pytest.fixture
def assert_is_counted(database, contacts, timeline):
    """Compare with what there is, whichever way that came about."""

    def check():
        live = timeline.live()
        rows = list(database["interaction_days"].find({"record_id": {"$in": contacts}}))
        truth = Counter(
            (each.contact_id, each.type, each.occurred_at.date().isoformat())
            for each in live
        )

        assert truth == {
            (r["record_id"], r["type"], r["day"]): r["count"] for r in rows
        }
        for contact in contacts:
            own = [each.occurred_at for each in live if each.contact_id == contact]
            row = database["contacts"].find_one({"_id": contact})
            assert row.get("interaction_count", 0) == len(own)
            assert row.get("last_interaction_at") == max(own, default=None)
            assert row["version"] == 1

    return check


class TestCount:
    def test_is_exact_whatever_happens_and_however_often_it_is_asked_for(
        self, days, timeline, assert_is_counted
    ):
        steps = [timeline.grow, timeline.grow, timeline.move, timeline.hide_or_show]
        chance = random.Random(11)  # noqa: S311 - the same each time
        timeline.grow()
        for number in range(120):
            chance.choice(steps)()
            if number % 3 == 0:
                days.count(chance.choices(timeline.ids, k=5))
        days.count(timeline.ids)
        days.count(timeline.ids)

        assert_is_counted()

    def test_is_exact_though_batches_overlap_and_meet(
        self, days, timeline, assert_is_counted
    ):
        for _ in range(60):
            timeline.grow()
        chance = random.Random(3)  # noqa: S311 - the same each time
        batches = [chance.sample(timeline.ids, 20) for _ in range(12)]

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(days.count, [*batches, timeline.ids]))

        assert_is_counted()

    def test_leaves_alone_what_people_write_meanwhile(
        self, days, database, context, contacts, timeline
    ):
        timeline.grow()
        repository = ContactRepository(database, context)
        before = [repository.find(each) for each in contacts]
        days.count(timeline.ids)
        saved = [
            repository.save(each.changed({"job_title": "new"}, NOW)) for each in before
        ]

        assert [each.version for each in saved] == [2, 2]
        assert sum(each.interaction_count for each in saved) == 1

    def test_tells_whom_it_counted_for_each_time(self, days, contacts, timeline):
        timeline.grow()
        first, again = days.count(timeline.ids), days.count(timeline.ids)

        told = {record.record_id for each in first.values() for record in each}

        assert first == again
        assert first.keys() <= set(timeline.ids)
        assert told <= set(contacts)


class TestAll:
    def test_from_before_are_counted_once(self, database, timeline, assert_is_counted):
        for _ in range(5):
            timeline.grow()
        looked_at = []
        for _ in range(2):
            count_interactions(database, looked_at.append)

        assert looked_at[-1] >= 5
        assert_is_counted()


class TestEvents:
    def test_say_nothing_of_counts(self, days, database, context, timeline):
        timeline.grow()
        days.count(timeline.ids)
        repository = ContactRepository(database, context)
        before = repository.find(timeline.live()[0].contact_id)
        event = events.contact_updated(before, before.changed({"source": "x"}, NOW))

        assert before.interaction_count == 1
        assert event.data["changed"] == ["source"]
