"""The history that services keep: all of it, and nobody's name in it."""

import uuid
from datetime import UTC, datetime

import bson
import pytest
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.integration

NAME = f"Name{uuid.uuid4().hex}"
PERSON = {
    "first_name": NAME,
    "last_name": NAME,
    "email": f"{NAME}@example.test",
    "phone": NAME,
}


@pytest.fixture
def log_of(status):
    with MongoClient(status["mongo_uri"]) as client:
        yield lambda service: client[f"rapport_{service}"]["event_log"]


class TestEventLog:
    @pytest.mark.parametrize(
        ("path", "payload"),
        [
            (
                "/v1/contacts",
                {**PERSON, "job_title": NAME, "addresses": [{"street": NAME}]},
            ),
            ("/v1/leads", {**PERSON, "description": NAME}),
        ],
    )
    def test_holds_every_change_and_nothing_personal_in_the_clear(
        self, client, log_of, until, path, payload
    ):
        log = log_of("sales" if path == "/v1/leads" else "customer")
        _, made, _ = client("POST", path, payload)
        client("PATCH", f"{path}/{made['id']}", {"last_name": f"{NAME}2"})
        of_it = {"aggregate.id": made["id"]}

        until(lambda: log.count_documents(of_it) == 2)
        rows = list(log.find(of_it, sort=[("sequence", 1)]))
        assert [1, 2] == [row["sequence"] for row in rows]
        assert all("sealed" in row for row in rows)
        assert not any(NAME.encode() in bson.encode(row) for row in rows)

    def test_holds_no_word_that_was_said_to_a_customer(self, client, log_of, until):
        _, contact, _ = client("POST", "/v1/contacts", PERSON)
        said = {"subject": NAME, "body": NAME, "metadata": {"said": NAME}}
        _, made, _ = client(
            "POST",
            "/v1/interactions",
            {"type": "note", "contact_id": contact["id"], **said},
        )

        of_it = {"aggregate.id": made["id"]}
        row = until(lambda: log_of("customer").find_one(of_it))
        assert NAME.encode() not in bson.encode(row)


class TestATrace:
    TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

    def test_leads_from_http_through_two_services_to_their_events(
        self, client, log_of, until
    ):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        sent = f"00-{self.TRACE}-00f067aa0ba902b7-01"
        code, made, _ = client("POST", f"{path}/convert", {}, traceparent=sent)
        assert code == 200, made

        for service, record in (
            ("sales", lead["id"]),
            ("sales", made["opportunity_id"]),
            ("customer", made["account_id"]),
            ("customer", made["contact_id"]),
        ):
            log = log_of(service)
            wanted = {"aggregate.id": record, "traceparent": {"$regex": self.TRACE}}
            until(lambda log=log, wanted=wanted: log.find_one(wanted))


class TestARecord:
    def test_full_of_events_is_changed_when_they_have_been_published(
        self, client, until, paused
    ):
        _, made, _ = client("POST", "/v1/contacts", PERSON)
        about = {"type": "note", "contact_id": made["id"]}
        path = client("POST", "/v1/interactions", about)[2]["Location"]
        with paused("customer-events-1"):
            # In few steps, as what stands still for half a minute is killed. A busy
            # machine may take too long over a record of megabytes.
            for number in range(100):
                sign = chr(0x1F600 + number)
                words = {f"word_{place}": sign * 1_000 for place in range(50)}
                large = {"body": sign * 20_000, "metadata": words}
                code, problem, headers = client("PATCH", path, large)
                if problem.get("code") == "outbox_full":
                    break

        assert (code, problem["code"]) == (503, "outbox_full")
        assert headers["Retry-After"]
        until(lambda: client("PATCH", path, {"body": "short"})[0] == 200)

    def test_that_was_copied_with_its_events_holds_up_no_other(
        self, client, root_uri, log_of, until
    ):
        _, made, _ = client("POST", "/v1/contacts", {"last_name": "Original"})
        log = log_of("customer")
        row = until(lambda: log.find_one({"aggregate.id": made["id"]}))
        event = {**row, "id": new_id(), "sequence": 99, "changes": {}, "personal": []}
        for name in ("_id", "position", "seal", "sealed", "subject_id"):
            event.pop(name, None)
        with MongoClient(root_uri) as owner:
            contacts = owner["rapport_customer"]["contacts"]
            original = contacts.find_one({"_id": made["id"]})
            pending = {
                "pending_events": [{**event, "subject_id": None}],
                "pending_at": datetime.now(tz=UTC),
            }
            copies = [{**original, "_id": new_id(), **pending} for _ in range(2)]
            contacts.insert_many(copies)
            ids = [each["_id"] for each in copies]
            waiting = {"_id": {"$in": ids}, "pending_at": {"$exists": True}}
            until(lambda: contacts.count_documents(waiting) == 0)

            assert log.count_documents({"_id": event["id"]}) == 1

            contacts.delete_many({"_id": {"$in": ids}})
