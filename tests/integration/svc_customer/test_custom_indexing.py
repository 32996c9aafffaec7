"""A field that is indexed later, whatever happens meanwhile."""

import os
import signal
from datetime import UTC, datetime

import pymongo
import pytest
from waiting import until as wait

pytestmark = pytest.mark.integration

BATCHES, ROWS = 8, 500


@pytest.fixture(scope="module")
def database(status):
    with pymongo.MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client["rapport_customer"]


@pytest.fixture
def jobs(database):
    return database["jobs"]


def add_field(client):
    """The path of a field ``late`` that is not indexed."""
    terms = {"resource": "contacts", "key": "late", "type": "number"}
    return client("POST", "/v1/custom-fields", terms)[2]["Location"]


def org_of(client):
    return client("GET", "/v1/orgs/current")[1]["id"]


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


@pytest.fixture(scope="module")
def unaware(newcomer, database):
    """A client and a field: somebody wrote who did not know that it is indexed."""
    client = newcomer()
    field = add_field(client)
    payload = {"last_name": "L", "custom": {"late": 1}}
    slow = client("POST", "/v1/contacts", payload)[1]["id"]
    client("PATCH", field, {"indexed": True})
    again = {"org_id": org_of(client), "cursor.by": "updated_at"}
    wait(lambda: database["jobs"].find_one(again))
    # As a process leaves it that read the definitions before.
    late = {"custom_index": [], "updated_at": datetime.now(tz=UTC)}
    database["contacts"].update_one({"_id": slow}, {"$set": late})
    return client, field


@pytest.fixture(scope="module")
def put_away(newcomer):
    """A client and a field that was archived while it was to be indexed."""
    client = newcomer()
    field = add_field(client)
    client("PATCH", field, {"indexed": True})
    client("DELETE", field)
    return client, field


# Each takes ten seconds, all of them together no more.
@pytest.mark.usefixtures("unaware", "put_away")
class TestIndexing:
    def test_goes_on_where_a_dead_process_was(self, client, until, processes, jobs):
        field, org_id = add_field(client), org_of(client)
        add_many(client)
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

    def test_finds_what_somebody_wrote_who_did_not_know_of_it(self, unaware, until):
        client, field = unaware
        until(lambda: client("GET", field)[1]["index_status"] == "ready")

        assert count(client, "filter[custom.late]=1") == 1

    def test_is_done_for_a_field_that_is_archived_meanwhile(
        self, put_away, until, jobs
    ):
        client, field = put_away
        until(lambda: jobs.find_one({"org_id": org_of(client), "status": "done"}))
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
