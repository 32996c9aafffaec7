"""A field that is indexed later, while the process that does it dies."""

import os
import signal

import pymongo
import pytest

pytestmark = pytest.mark.integration

BATCHES, ROWS = 8, 500


@pytest.fixture
def jobs(status):
    with pymongo.MongoClient(status["mongo_uri"]) as client:
        yield client["rapport_customer"]["jobs"]


def add_many(client):
    """Contacts with a value of ``late``, as many as there are rows."""
    rows = [
        {"op": "create", "data": {"last_name": f"L{n}", "custom": {"late": n % 7}}}
        for n in range(ROWS)
    ]
    for _ in range(BATCHES):
        code, answer, _ = client("POST", "/v1/contacts/batch", {"operations": rows})
        assert (code, answer["summary"]["failed"]) == (200, 0), answer


def count(client, query):
    answer = client("GET", f"/v1/contacts?limit=1&include=count&{query}")[1]
    return answer["page"]["count"]


class TestIndexing:
    def test_goes_on_where_a_dead_process_was(self, client, until, processes, jobs):
        field = {"resource": "contacts", "key": "late", "type": "number"}
        path = client("POST", "/v1/custom-fields", field)[2]["Location"]
        add_many(client)
        org_id = client("GET", "/v1/orgs/current")[1]["id"]
        client("PATCH", path, {"indexed": True})
        until(
            lambda: jobs.find_one({"org_id": org_id, "counts.indexed": {"$gt": 0}}),
            pause_s=0.01,
        )
        events = [name for name in processes() if name.startswith("customer-events")]
        for name in events:
            os.kill(processes()[name]["pid"], signal.SIGKILL)
        still_building = client("GET", path)[1]["index_status"]
        until(lambda: client("GET", path)[1]["index_status"] == "ready", within_s=60)
        job = jobs.find_one({"org_id": org_id, "kind": "index_custom_field"})

        assert still_building == "building"
        assert (job["status"], job["counts"]["indexed"]) == ("done", BATCHES * ROWS)
        assert count(client, "filter[custom.late][lt]=7") == BATCHES * ROWS
        assert (
            count(client, "filter[custom.late]=3")
            == sum(n % 7 == 3 for n in range(ROWS)) * BATCHES
        )
