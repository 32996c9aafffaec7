"""Records changed by the hundred, and their past, on a real database."""

import dataclasses
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from worlds import VAULT_KEY

from chassis.auth import Caller
from chassis.chronicle import Chronicle
from chassis.context import Context
from chassis.errors import ConflictError, NotFoundError
from chassis.event_log import EVENT_LOG
from chassis.history import OPERATION_INDEX, History
from chassis.ids import new_id
from chassis.jobs import JOBS
from chassis.leases import LEASES
from chassis.many import Changed, Untied
from chassis.resources import Records
from chassis.restrictions import Restriction
from chassis.vault import SUBJECT_KEYS, Vault
from svc_customer import events
from svc_customer.domain.contacts import Contact
from svc_customer.repository import CUSTOMER_EVENT_LOG
from svc_customer.repository.bulk_updates import BULK_UPDATE, BulkUpdateJobs
from svc_customer.repository.contacts import CONTACTS, ContactRepository
from svc_customer.service.contacts import _CONTACT

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

NOW = datetime.now(tz=UTC).replace(microsecond=0)
ORG, ME = new_id(), new_id()
EVERYTHING = Caller(
    principal_id=ME,
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"*": "all"},
    expires_at=0.0,
    token_id="t",  # noqa: S106 - a token's id is no secret
)


def context_of(caller=EVERYTHING, **more):
    return Context(
        caller=caller,
        org_id=ORG,
        actor={"type": "person", "id": ME},
        request_id="r",
        traceparent="",
        **{"operation_id": new_id(), "deadline": time.time() + 600, **more},
    )


@pytest.fixture
def database(service_database):
    owner, _ = service_database(
        CONTACTS, JOBS, LEASES, SUBJECT_KEYS, CUSTOMER_EVENT_LOG
    )
    return owner


@pytest.fixture
def contacts(database):
    """Three contacts in the database."""
    rows = ContactRepository(database, context_of())
    made = [
        Contact(
            id=new_id(),
            last_name=f"Name {place}",
            job_title="Clerk",
            owner_id=ME,
            created_at=NOW,
            updated_at=NOW,
            external_ids={"sap": str(place)},
        )
        for place in range(3)
    ]
    rows.add_all([(each, events.contact_created(each), None) for each in made])
    return [each.id for each in made]


def promoted(contact):
    return contact.changed({"job_title": "Boss"}, NOW)


def promote(database, ids, change=promoted, **terms):
    rows = ContactRepository(database, context_of(**terms))
    return rows.change_all(ids, change, events.contact_updated, ties=Untied())


def stored(database, contact_id):
    return database["contacts"].find_one({"_id": contact_id})


def log(database):
    """Move what is pending to the log, as the relay does, but for the numbers."""
    vault = Vault(database[SUBJECT_KEYS.name], VAULT_KEY)
    for document in list(database["contacts"].find()):
        for event in document["pending_events"]:
            key = vault.keys_of([(ORG, event["subject_id"])])[event["subject_id"]]
            changes = event.pop("changes")
            private = {n: v for n, v in changes.items() if n in event["personal"]}
            row = {
                **event,
                "changes": {n: v for n, v in changes.items() if n not in private},
                "sealed": vault.encrypt(key, private, event["id"]),
                "_id": event["id"],
            }
            database[EVENT_LOG.name].insert_one(row)
    database["contacts"].update_many(
        {}, {"$set": {"pending_events": []}, "$unset": {"pending_at": ""}}
    )


class TestChangeAll:
    def test_stores_each_with_its_event(self, database, contacts):
        outcomes = promote(database, contacts)

        assert all(outcomes[each].is_changed for each in contacts)
        for each in contacts:
            document = stored(database, each)
            assert (document["job_title"], document["version"]) == ("Boss", 2)
            assert document["folded"]["job_title"] == "boss"
            assert [e["sequence"] for e in document["pending_events"]] == [1, 2]

    def test_has_its_effect_once_however_often_it_is_tried(self, database, contacts):
        operation_id = new_id()
        promote(database, contacts[:2], operation_id=operation_id)
        again = promote(database, contacts, operation_id=operation_id, is_repeated=True)

        assert all(outcome.is_changed for outcome in again.values())
        assert [stored(database, each)["version"] for each in contacts] == [2, 2, 2]

    def test_is_known_by_the_log_when_the_record_has_forgotten(
        self, database, contacts
    ):
        operation_id = new_id()
        promote(database, contacts, operation_id=operation_id)
        log(database)
        for number in range(12):
            title = {"job_title": f"Title {number}"}
            promote(database, contacts, lambda each, t=title: each.changed(t, NOW))
        promote(database, contacts, operation_id=operation_id, is_repeated=True)

        assert {stored(database, each)["job_title"] for each in contacts} == {
            "Title 11"
        }

    def test_goes_on_top_of_what_another_stored_meanwhile(self, database, contacts):
        others = iter([contacts[1]])

        def change(contact):
            with suppress(StopIteration):
                other = next(others)
                promote(database, [other], lambda c: c.changed({"tags": ("x",)}, NOW))
            return promoted(contact)

        outcomes = promote(database, contacts, change)
        document = stored(database, contacts[1])

        assert all(outcome.is_changed for outcome in outcomes.values())
        assert (document["job_title"], document["tags"]) == ("Boss", ["x"])
        assert document["version"] == 3

    def test_tells_what_could_not_be_stored_and_stores_the_others(
        self, database, contacts
    ):
        def change(contact):
            taken = {"external_ids": {"sap": "0"}}
            return contact.changed(taken if contact.id == contacts[1] else {}, NOW)

        outcomes = promote(database, [*contacts, ORG], change)

        assert isinstance(outcomes[contacts[1]], ConflictError)
        assert isinstance(outcomes[ORG], NotFoundError)
        assert outcomes[contacts[0]] == Changed(
            outcomes[contacts[0]].record, is_changed=False
        )
        assert stored(database, contacts[1])["version"] == 1

    def test_reaches_what_the_caller_may_change(self, database, contacts):
        stranger = dataclasses.replace(
            EVERYTHING, principal_id=new_id(), grants={"contacts:write": "own"}
        )
        outcomes = promote(database, contacts, caller=stranger)

        assert all(isinstance(each, NotFoundError) for each in outcomes.values())


class TestFindWritable:
    def test_has_everything_once_that_was_there(self, database):
        rows = ContactRepository(database, context_of())
        made = [
            Contact(
                id=new_id(),
                last_name="Many",
                source="fair",
                owner_id=ME,
                created_at=NOW - timedelta(seconds=number // 100),
                updated_at=NOW,
            )
            for number in range(450)
        ]
        late = dataclasses.replace(
            made[0], id=new_id(), created_at=NOW + timedelta(hours=1)
        )
        rows.add_all([(each, None, None) for each in (*made, late)])
        asked, found, cursor = {"filter[source]": "fair"}, [], None
        while True:
            ids, cursor = rows.find_writable(asked, NOW, cursor)
            found += ids
            # What is changed on the way leaves the filter.
            promote(database, ids, lambda each: each.changed({"source": "web"}, NOW))
            if cursor is None:
                break

        assert sorted(found) == sorted(each.id for each in made)


class TestHistory:
    def chronicle(self, database, caller=EVERYTHING):
        context = context_of(caller)

        class Worker:
            operation = None

            def check_references(self, resource, data):
                pass

        Worker.context = context
        rows = ContactRepository(database, context)
        return Chronicle(Records(_CONTACT, rows, Worker()))

    def test_reads_what_is_encrypted_until_it_is_erased(self, database, contacts):
        promote(database, contacts)
        log(database)
        chronicle = self.chronicle(database)
        before = chronicle.history(contacts[0], {})["data"][0]["changes"]
        database[SUBJECT_KEYS.name].delete_one({"_id": contacts[0]})
        after = chronicle.history(contacts[0], {})["data"][0]["changes"]

        assert before["job_title"] == {"from": "Clerk", "to": "Boss"}
        assert after["job_title"] == {"from": None, "to": None, "is_erased": True}

    def test_does_not_bring_back_what_was_erased(self, database, contacts):
        promote(database, contacts)
        log(database)
        database[SUBJECT_KEYS.name].delete_one({"_id": contacts[0]})
        payload = {"sequence": 1, "fields": ["job_title"]}

        with pytest.raises(ConflictError, match="value_erased"):
            self.chronicle(database).revert(contacts[0], payload, None)

    def test_leaves_out_what_the_caller_may_not_see(self, database, contacts):
        hidden = frozenset({"job_title"})
        kept = {"contacts": Restriction(hidden, hidden)}
        caller = dataclasses.replace(EVERYTHING, restrictions=kept)
        promote(database, contacts)
        chronicle = self.chronicle(database, caller)
        latest, first = chronicle.history(contacts[0], {})["data"]

        assert latest["changes"] == {}
        assert "job_title" not in first["changes"]
        assert "last_name" in first["changes"]

    def test_of_an_operation_is_found_by_an_index(self, database, contacts):
        operation_id = new_id()
        promote(database, contacts, operation_id=operation_id)
        promote(database, contacts, lambda each: each.changed({"tags": ("x",)}, NOW))
        log(database)
        history = History(database, context_of())
        found = history.of_operation(operation_id, "", 100)
        plan = database["event_log"].find(
            {"org_id": ORG, "operation_id": operation_id, "aggregate.id": {"$gt": ""}},
            sort=[("aggregate.id", 1), ("sequence", 1)],
        )
        stats = plan.explain()["executionStats"]

        assert [row["aggregate"]["id"] for row in found] == sorted(contacts)
        assert history.count_operation(operation_id, 10) == 3
        assert stats["totalKeysExamined"] <= 4
        assert plan.explain()["queryPlanner"]["winningPlan"]["stage"] == "FETCH"
        assert OPERATION_INDEX in CUSTOMER_EVENT_LOG.indexes


class TestJobLists:
    MANY, FEW = 300, 2

    @pytest.fixture
    def jobs(self, database):
        """Many jobs of others that are done, and a few that are not."""
        rows = BulkUpdateJobs(database, context_of())
        for _ in range(20):
            rows.add(new_id(), BULK_UPDATE, {})
        done = [
            {**document, "_id": new_id(), "acl": [new_id()], "status": "done"}
            for document in database["jobs"].find()
            for _ in range(self.MANY // 20)
        ]
        database["jobs"].insert_many(done)
        ids = [each["_id"] for each in database["jobs"].find({"status": "queued"})]
        database["jobs"].update_many(
            {"_id": {"$in": ids[self.FEW :]}}, {"$set": {"status": "done"}}
        )
        return database["jobs"]

    @pytest.mark.parametrize(
        "asked",
        [
            {"status": "queued"},
            {"status": {"$in": ["queued", "running", "cancelling"]}},
            {"turn_at": {"$lte": NOW - timedelta(days=1)}},
            {"acl": ME, "status": "queued"},
        ],
    )
    def test_read_what_they_find(self, jobs, asked):
        own = asked if "turn_at" in asked else {"org_id": ORG, **asked}
        plan = jobs.find(own, sort=[("created_at", -1)], limit=50).explain()

        assert plan["executionStats"]["totalDocsExamined"] <= 40
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
