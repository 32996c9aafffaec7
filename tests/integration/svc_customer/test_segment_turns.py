"""A day begins, as the processes of a stack see it."""

from datetime import UTC, datetime, timedelta

import pytest
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.integration
WINDOW = {"interactions": "call", "within": "30d"}


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True, w="majority") as client:
        yield client["rapport_customer"]


@pytest.fixture
def segment(client, until):
    payload = {"resource": "contacts", "kind": "dynamic", "name": new_id()}
    made = client("POST", "/v1/segments", {**payload, "definition": WINDOW})[1]
    path = f"/v1/segments/{made['id']}"
    until(lambda: client("GET", path)[1]["status"] == "ready")
    return path


class TestATurn:
    def test_lets_those_go_whose_days_have_left_the_window(
        self, client, database, segment, until
    ):
        now = datetime.now(tz=UTC)
        contact = client("POST", "/v1/contacts", {"last_name": "Ada"})[1]
        call = {
            "type": "call",
            "contact_id": contact["id"],
            "occurred_at": (now - timedelta(days=40)).isoformat(),
        }
        client("POST", "/v1/interactions", call)
        one, segment_id = {"_id": contact["id"]}, segment.rpartition("/")[2]
        until(lambda: database["contacts"].find_one(one).get("interaction_count"))
        # As it was two weeks ago.
        in_it = {"$addToSet": {"segment_keys": f"{segment_id}.000001"}}
        database["contacts"].update_one(one, in_it)
        assert len(client("GET", f"{segment}/members")[1]["data"]) == 1
        asleep = {"clock": now - timedelta(days=14), "due_at": now}
        database["segments"].update_one({"_id": segment_id}, {"$set": asleep})

        until(lambda: client("GET", f"{segment}/members")[1]["data"] == [])
        until(
            lambda: database["segments"].find_one({"_id": segment_id})["due_at"] > now
        )
        left = "/v1/events?types=customer.segment_left&after=0"
        (event,) = until(lambda: client("GET", left)[1]["data"])
        assert event["data"]["record_id"] == contact["id"]
