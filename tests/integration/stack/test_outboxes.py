"""How far events have come, asked of the real broker and database."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from pymongo import MongoClient

from chassis.event_log import OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.events import wire_time
from chassis.ids import new_id
from chassis.mongo import Collection
from stack.outboxes import _read

pytestmark = pytest.mark.integration

HANDLER = "evt-auth-org_registered--notify.on_org_registered"
DECLARED = (Collection("things", (PENDING_INDEX,)), *OUTBOX_COLLECTIONS)


def unique():
    return {"org_id": new_id(), "aggregate": {"id": new_id()}, "sequence": 1}


@pytest.fixture
def scratch(root_uri):
    """A database of this test alone, with an outbox."""
    name = f"test_{uuid.uuid4().hex}"
    with MongoClient(root_uri, tz_aware=True) as client:
        for collection in DECLARED:
            client[name].create_collection(collection.name)
            for index in collection.indexes:
                client[name][collection.name].create_index(
                    list(index.keys), unique=index.is_unique, sparse=index.is_sparse
                )
        yield client[name]
        client.drop_database(name)


class TestOutbox:
    def test_shows_relay_and_queues_of_every_service(self, crm):
        code, text, _ = crm("outbox", "--json")

        report = json.loads(text)
        services = {each["service"]: each for each in report["services"]}
        assert code == 0
        assert services["sales"]["relay"]
        assert 0 < services["sales"]["relay_held_s"] <= 8
        assert not services["notify"]["has_outbox"]
        queues = {each["name"]: each for each in services["notify"]["queues"]}
        assert HANDLER in queues
        assert all(each["consumers"] >= 1 for each in queues.values())
        assert next(rung["name"] for rung in report["rungs"]) == "retry-1s"

    def test_tells_what_does_not_move_and_for_how_long(self, scratch):
        now = datetime.now(tz=UTC)
        for minutes in (1, 2, 3):
            pending_at = now - timedelta(minutes=minutes)
            scratch["things"].insert_one({"pending_at": pending_at})
        scratch["things"].insert_one({"quiet": True})
        for position in range(1, 6):
            occurred_at = wire_time(now - timedelta(hours=6 - position))
            row = {"position": position, "occurred_at": occurred_at, **unique()}
            scratch["event_log"].insert_one(row)
        lease = {"owner": "host:1:x", "epoch": 4, "position": 5, "published": 3}
        expired = now - timedelta(seconds=1)
        scratch["leases"].insert_one({"_id": "relay", "expires_at": expired, **lease})

        found = _read("sales", scratch, DECLARED)

        assert found.pending_records == 3
        assert 180 <= found.oldest_pending_s < 200
        assert (found.logged, found.unpublished) == (5, 2)
        assert 7_200 <= found.oldest_unpublished_s < 7_220
        assert (found.relay, found.relay_epoch, found.relay_held_s) == (None, 4, 0)

    def test_is_empty_before_the_first_event(self, scratch):
        found = _read("sales", scratch, DECLARED)

        assert (found.pending_records, found.logged, found.unpublished) == (0, 0, 0)
        assert found.relay is None

    def test_asks_indexes_only(self, scratch):
        scratch.command("profile", 2)
        try:
            _read("sales", scratch, DECLARED)
        finally:
            scratch.command("profile", 0)
        plans = [
            each["planSummary"]
            for each in scratch["system.profile"].find()
            if "planSummary" in each
        ]

        assert len(plans) >= 4
        assert not [plan for plan in plans if "COLLSCAN" in plan]
