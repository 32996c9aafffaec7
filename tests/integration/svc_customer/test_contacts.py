import uuid
from datetime import UTC, datetime

import pymongo
import pytest

pytestmark = pytest.mark.integration
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def forget_the_answer(status):
    """What a process leaves that dies between the write and the answer."""
    client = pymongo.MongoClient(status["mongo_uri"])
    keys = client["rapport_customer"]["idempotency_keys"]

    def forget(request_id):
        unanswered = {"answer": None, "running_until": LONG_AGO}
        changed = keys.update_one({"request_id": request_id}, {"$set": unanswered})
        assert changed.matched_count == 1

    yield forget
    client.close()


@pytest.fixture
def keyed(client):
    """Sends a request under a key: its answer, and its request id."""
    key = str(uuid.uuid4())

    def send(method, path, payload):
        request_id = str(uuid.uuid4())
        code, answer, _ = client(
            method, path, payload, Idempotency_Key=key, X_Request_ID=request_id
        )
        return code, answer, request_id

    return send


# More than a record remembers.
OTHERS = [f"other {number}" for number in range(12)]


class TestUpdateContact:
    def test_is_done_once_though_others_went_on_before_the_retry(
        self, client, keyed, forget_the_answer
    ):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Busy"})
        path = f"/v1/contacts/{contact['id']}"
        _, first, request_id = keyed("PATCH", path, {"job_title": "mine"})
        forget_the_answer(request_id)
        for title in OTHERS:
            client("PATCH", path, {"job_title": title})
        code, again, _ = keyed("PATCH", path, {"job_title": "mine"})

        assert (first["version"], code) == (2, 200)
        assert (again["version"], again["job_title"]) == (14, OTHERS[-1])

    def test_is_another_change_once_the_key_is_forgotten(self, client, keyed, status):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Daily"})
        path = f"/v1/contacts/{contact['id']}"
        _, _, request_id = keyed("PATCH", path, {"job_title": "of yesterday"})
        with pymongo.MongoClient(status["mongo_uri"]) as mongo:
            keys = mongo["rapport_customer"]["idempotency_keys"]
            assert keys.delete_one({"request_id": request_id}).deleted_count == 1
        code, changed, _ = keyed("PATCH", path, {"job_title": "of today"})

        assert (code, changed["job_title"]) == (200, "of today")


class TestCreateContact:
    def test_finds_what_it_made_though_others_changed_it_before_the_retry(
        self, client, keyed, forget_the_answer
    ):
        payload = {"last_name": "Busy"}
        _, contact, request_id = keyed("POST", "/v1/contacts", payload)
        forget_the_answer(request_id)
        for title in OTHERS:
            client("PATCH", f"/v1/contacts/{contact['id']}", {"job_title": title})
        code, again, _ = keyed("POST", "/v1/contacts", payload)

        assert (code, again["id"]) == (201, contact["id"])


class TestContactsFromBefore:
    def test_are_read_and_changed_as_all_others(self, client, status):
        _, account, _ = client("POST", "/v1/accounts", {"name": "Acme"})
        payload = {"last_name": "Old", "phone": "+44 20 7946 0000", "email": "a@b.co"}
        _, contact, _ = client("POST", "/v1/contacts", payload)
        with pymongo.MongoClient(status["mongo_uri"]) as mongo:
            mongo["rapport_customer"]["contacts"].update_one(
                {"_id": contact["id"]},
                {
                    "$unset": dict.fromkeys(
                        ("accounts", "account_ids", "lifecycle_history", "custom"), ""
                    ),
                    "$set": {
                        "account_id": account["id"],
                        "schema_version": 3,
                        "phones": [{"number": "1", "type": "work", "is_primary": True}],
                        "emails": [
                            {"address": "a@b.co", "type": "work", "is_primary": True}
                        ],
                    },
                },
            )
        path = f"/v1/contacts/{contact['id']}"
        _, page, _ = client("GET", f"/v1/contacts?filter[id]={contact['id']}")
        _, changed, _ = client("PATCH", path, {"lifecycle_stage": "customer"})
        (shown,) = page["data"]

        assert (shown["account_id"], shown["lifecycle_history"]) == (account["id"], [])
        assert shown["phones"][0]["validity"] == "unknown"
        assert shown["emails"][0]["validity"] == "unverified"
        assert changed["accounts"] == shown["accounts"]
        assert [each["stage"] for each in changed["lifecycle_history"]] == ["customer"]
        found = client("GET", f"/v1/contacts?filter[account_id]={account['id']}")[1]
        assert [each["id"] for each in found["data"]] == [contact["id"]]
