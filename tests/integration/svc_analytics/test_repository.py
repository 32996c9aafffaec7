"""The feed of an organization in the real database."""

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from envelopes import envelope
from pymongo import MongoClient

from chassis.context import Context
from chassis.ids import new_id
from svc_analytics.repository import ActivityProjection

pytestmark = pytest.mark.integration


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True, w="majority") as client:
        yield client["rapport_analytics"]


@pytest.fixture
def projection(database):
    context = Context(
        caller=None,
        org_id=None,
        actor={"type": "service", "id": "analytics"},
        operation_id=new_id(),
        request_id="test",
        traceparent="",
        deadline=0.0,
    )
    return ActivityProjection(database, context)


class TestPositions:
    def test_have_no_hole_though_batches_overlap_and_meet(self, projection, database):
        orgs = [new_id(), new_id()]
        events = [envelope(orgs[number % 2]) for number in range(120)]
        chance = random.Random(7)  # noqa: S311 - the same each time
        batches = [chance.sample(events, 30) for _ in range(12)]
        batches += [events[:60], events[60:]]

        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(projection.apply, batches))

        rows = database["processed_events"]
        for org_id in orgs:
            kept = list(rows.find({"org_id": org_id}, sort=[("position", 1)]))
            assert [row["position"] for row in kept] == list(range(1, 61))
            places = {row["_id"]: row["position"] for row in kept}
            for batch in told:
                mine = [row for row in batch if row["org_id"] == org_id]
                assert all(row["position"] == places[row["_id"]] for row in mine)
                assert all(a["position"] < b["position"] for a, b in pairwise(mine))
            (count,) = database["activity"].find({"org_id": org_id})
            assert count["count"] == 60
