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
def make_segment(client, until):
    """Its path, once it is ready."""

    def make(definition):
        payload = {"resource": "contacts", "kind": "dynamic", "name": new_id()}
        payload["definition"] = definition
        path = client("POST", "/v1/segments", payload)[2]["Location"]
        until(lambda: client("GET", path)[1]["status"] == "ready")
        return path

    return make


@pytest.fixture
def members(client):
    return lambda path: client("GET", f"{path}/members")[1]["data"]


class TestATurn:
    def test_lets_those_go_whose_days_have_left_the_window(
        self, client, database, make_segment, members, until
    ):
        segment, callers = make_segment(WINDOW), make_segment({"interactions": "call"})
        now = datetime.now(tz=UTC)
        contact = client("POST", "/v1/contacts", {"last_name": "Ada"})[1]
        call = {
            "type": "call",
            "contact_id": contact["id"],
            "occurred_at": (now - timedelta(days=40)).isoformat(),
        }
        client("POST", "/v1/interactions", call)
        one, segment_id = {"_id": contact["id"]}, segment.rpartition("/")[2]
        # By then it has been looked at for every segment.
        until(lambda: members(callers))
        # As it was two weeks ago.
        in_it = {"$addToSet": {"segment_keys": f"{segment_id}.000001"}}
        database["contacts"].update_one(one, in_it)
        assert len(members(segment)) == 1
        asleep = {"clock": now - timedelta(days=14), "due_at": now}
        database["segments"].update_one({"_id": segment_id}, {"$set": asleep})

        until(lambda: members(segment) == [])
        until(
            lambda: database["segments"].find_one({"_id": segment_id})["due_at"] > now
        )
        left = "/v1/events?types=customer.segment_left&after=0"
        (event,) = until(lambda: client("GET", left)[1]["data"])
        assert event["data"]["record_id"] == contact["id"]
