"""What waits for a job says when that has failed, whoever dies meanwhile."""

from datetime import UTC, datetime

import pymongo
import pytest

from chassis.turns import RETRY_DELAYS_S

pytestmark = pytest.mark.integration

LEADS = {"field": "lifecycle_stage", "value": "lead"}
ATTEMPTS = len(RETRY_DELAYS_S) + 1
# How a job is left by those who begin its step, or what follows its failure.
LEFT = [
    pytest.param({"attempt": ATTEMPTS}, "job_died", id="by-six-who-died"),
    pytest.param(
        {"attempt": 2, "error": {"code": "job_failed", "message": "It failed."}},
        "job_failed",
        id="by-one-who-died-before-it-was-said",
    ),
]


@pytest.fixture
def jobs(status):
    with pymongo.MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client["rapport_customer"]["jobs"]


@pytest.fixture
def left(client, paused, jobs):
    """Has a request make a job, and leaves that as somebody did who died."""

    def leave(state, *request):
        org_id = client("GET", "/v1/orgs/current")[1]["id"]
        with paused("customer-events-1"):
            code, made, _ = client(*request)
            found = jobs.find_one_and_update(
                {"org_id": org_id, "status": "queued"},
                {"$set": {**state, "status": "running", "turn_at": now()}},
            )
        assert found, (code, made)
        return made

    return leave


def now():
    return datetime.now(tz=UTC)


@pytest.mark.parametrize(("state", "code"), LEFT)
class TestASegment:
    def test_whose_build_was_given_up_has_failed_and_begins_anew(
        self, client, until, left, state, code
    ):
        client("POST", "/v1/contacts", {"last_name": "Ada"})
        payload = {"resource": "contacts", "kind": "dynamic", "name": "Leads"}
        payload["definition"] = LEADS
        made = left(state, "POST", "/v1/segments", payload)
        path = f"/v1/segments/{made['id']}"
        failed = until(
            lambda: (found := client("GET", path)[1])["status"] == "failed" and found
        )
        again = client("POST", f"{path}/refresh")[1]
        until(lambda: client("GET", path)[1]["status"] == "ready")

        assert (made["status"], made["error"]) == ("building", None)
        assert failed["error"]["code"] == code
        assert (again["status"], again["error"]) == ("building", None)
        assert len(client("GET", f"{path}/members")[1]["data"]) == 1


@pytest.mark.parametrize(("state", "code"), LEFT)
class TestACustomField:
    def test_whose_indexing_was_given_up_has_failed_and_begins_anew(
        self, client, until, left, state, code
    ):
        terms = {"resource": "contacts", "key": "late", "type": "number"}
        path = client("POST", "/v1/custom-fields", terms)[2]["Location"]
        client("POST", "/v1/contacts", {"last_name": "Ada", "custom": {"late": 1}})
        left(state, "PATCH", path, {"indexed": True})
        failed = until(
            lambda: (
                (found := client("GET", path)[1])["index_status"] == "failed" and found
            )
        )
        asked = "/v1/contacts?filter[custom.late]=1"
        refused = client("GET", asked)
        again = client("PATCH", path, {"indexed": True})[1]
        until(lambda: client("GET", path)[1]["index_status"] == "ready", within_s=60)

        assert failed["index_error"]["code"] == code
        assert (refused[0], refused[1]["code"]) == (409, "index_failed")
        assert (again["index_status"], again["index_error"]) == ("building", None)
        assert len(client("GET", asked)[1]["data"]) == 1
