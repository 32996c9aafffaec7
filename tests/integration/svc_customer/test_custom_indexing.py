"""A field that is indexed later, whatever happens meanwhile."""

import os
import signal
from datetime import UTC, datetime

import pymongo
import pytest

pytestmark = pytest.mark.integration

BATCHES, ROWS = 8, 500


@pytest.fixture
def database(status):
    with pymongo.MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client["rapport_customer"]


@pytest.fixture
def jobs(database):
    return database["jobs"]


@pytest.fixture
def field(client):
    """The path of a field ``late`` that is not indexed."""
    terms = {"resource": "contacts", "key": "late", "type": "number"}
    return client("POST", "/v1/custom-fields", terms)[2]["Location"]


def add_many(client):
    """Contacts with a value of ``late``, as many as there are rows."""
    rows = [
        {"op": "create", "data": {"last_name": f"L{n}", "custom": {"late": n % 7}}}
        for n in range(ROWS)
    ]
    for _ in range(BATCHES):
        # Together they cost about as much as a member may spend at once.
        code, answer, _ = client.patiently(
            "POST", "/v1/contacts/batch", {"operations": rows}
        )
        assert code == 200, answer
        assert answer["summary"]["failed"] == 0


def count(client, query):
    answer = client("GET", f"/v1/contacts?limit=1&include=count&{query}")[1]
    return answer["page"]["count"]


class TestIndexing:
    def test_goes_on_where_a_dead_process_was(
        self, client, field, until, processes, jobs
    ):
        add_many(client)
        org_id = client("GET", "/v1/orgs/current")[1]["id"]
        client("PATCH", field, {"indexed": True})
        until(
            lambda: jobs.find_one({"org_id": org_id, "counts.indexed": {"$gt": 0}}),
            pause_s=0.01,
        )
        events = [name for name in processes() if name.startswith("customer-events")]
        for name in events:
            os.kill(processes()[name]["pid"], signal.SIGKILL)
        still_building = client("GET", field)[1]["index_status"]
        until(lambda: client("GET", field)[1]["index_status"] == "ready", within_s=60)
        job = jobs.find_one({"org_id": org_id, "kind": "index_custom_field"})

        assert still_building == "building"
        assert (job["status"], job["counts"]["indexed"]) == ("done", BATCHES * ROWS)
        assert count(client, "filter[custom.late][lt]=7") == BATCHES * ROWS
        assert (
            count(client, "filter[custom.late]=3")
            == sum(n % 7 == 3 for n in range(ROWS)) * BATCHES
        )

    def test_finds_what_somebody_wrote_who_did_not_know_of_it(
        self, client, field, until, database
    ):
        payload = {"last_name": "L", "custom": {"late": 1}}
        slow = client("POST", "/v1/contacts", payload)[1]["id"]
        client("PATCH", field, {"indexed": True})
        org_id = client("GET", "/v1/orgs/current")[1]["id"]
        again = {"org_id": org_id, "cursor.by": "updated_at"}
        until(lambda: database["jobs"].find_one(again))
        # As a process leaves it that read the definitions before.
        late = {"custom_index": [], "updated_at": datetime.now(tz=UTC)}
        database["contacts"].update_one({"_id": slow}, {"$set": late})
        until(lambda: client("GET", field)[1]["index_status"] == "ready")

        assert count(client, "filter[custom.late]=1") == 1

    def test_is_done_for_a_field_that_is_archived_meanwhile(
        self, client, field, until, jobs
    ):
        org_id = client("GET", "/v1/orgs/current")[1]["id"]
        client("PATCH", field, {"indexed": True})
        client("DELETE", field)
        until(lambda: jobs.find_one({"org_id": org_id, "status": "done"}))
        restored = client("POST", f"{field}/restore")[1]

        assert restored["index_status"] == "ready"


class TestTheLog:
    def test_keeps_values_of_people_under_lock(self, client, until, database):
        terms = {"resource": "contacts", "key": "pet", "type": "text"}
        client("POST", "/v1/custom-fields", terms)
        payload = {"last_name": "L", "custom": {"pet": "Rhinoceros"}}
        made = client("POST", "/v1/contacts", payload)[1]
        row = until(
            lambda: database["event_log"].find_one({"aggregate.id": made["id"]})
        )
        history = client("GET", f"/v1/contacts/{made['id']}/history")[1]["data"]

        assert "Rhinoceros" not in str(row)
        assert history[0]["changes"]["custom.pet"] == {"from": None, "to": "Rhinoceros"}
