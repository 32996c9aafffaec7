"""What a search finds and what it costs, on a real database."""

from datetime import UTC, datetime, timedelta

import pytest
from explaining import context_of
from pymongo.monitoring import CommandListener

from chassis.auth import Caller
from chassis.ids import new_id
from chassis.refreshing import refresh
from chassis.search_words import read_terms
from svc_customer.domain.contacts import Contact, EmailAddress
from svc_customer.repository.contacts import CONTACTS, ContactRepository

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

MANY = 600
NOW = datetime.now(tz=UTC).replace(microsecond=0)
ORG, ME = new_id(), new_id()


ME_ALONE = Caller(
    principal_id=ME,
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"contacts:read": "own"},
    expires_at=0.0,
    token_id="t",  # noqa: S106 - a token's id is no secret
)


class Aggregates(CommandListener):
    """Remembers the searches that were sent."""

    def __init__(self):
        self.sent = []

    def started(self, event):
        if event.command_name == "aggregate":
            names = ("aggregate", "pipeline", "hint")
            command = {name: event.command[name] for name in names}
            self.sent.append({**command, "cursor": {}})

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


def contact(number, **values):
    at = NOW + timedelta(seconds=number)
    common = {"id": new_id(), "owner_id": None, "created_at": at, "updated_at": at}
    return Contact(**{**common, **values})


@pytest.fixture
def sent():
    return Aggregates()


@pytest.fixture
def database(service_database, sent):
    """Many Smiths, John and other, and few that have something else."""
    owner, service = service_database(CONTACTS, listeners=[sent])
    people = [
        contact(n, first_name="John" if n % 2 else "Jane", last_name="Smith")
        for n in range(MANY)
    ]
    people += [
        contact(0, first_name="Sm", last_name="Old"),
        contact(9, first_name="Sm", last_name="New"),
        contact(0, first_name="Mary", last_name="Smithers", owner_id=ME),
        contact(0, emails=(EmailAddress(address="smart@x.example"),)),
    ]
    for org_id in (ORG, new_id()):
        added = ContactRepository(owner, context_of(org_id)).add_all(
            [(each, None, None) for each in people]
        )
        assert not any(isinstance(each, Exception) for each in added)
        people = [contact(0, last_name="Smith", first_name="Other")]
    return owner, service


def search(database, text, limit=10, caller=None):
    rows = ContactRepository(database, context_of(ORG, caller))
    found = rows.search(read_terms(text), limit)
    return [(each.first_name, each.last_name) for each, _ in found.items], found


def examined(stage):
    """Keys and documents that the parts of a plan have read, and their names."""
    stats = stage["stages"][0]["$cursor"] if "stages" in stage else stage
    planned = stats["executionStats"]
    return planned["totalKeysExamined"], planned["totalDocsExamined"], str(stats)


class TestSearch:
    def test_finds_every_word_and_whole_ones_first(self, database):
        service = database[1]
        names, found = search(service, "sm", limit=3)

        assert names[:2] == [("Sm", "New"), ("Sm", "Old")]
        assert found.has_more
        for text in ("smithers mary", "mary smi", "ma smithers"):
            assert search(service, text)[0] == [("Mary", "Smithers")]
        assert search(service, "smart sm")[0] == [(None, None)]
        assert search(service, "other smith")[0] == []
        assert search(service, "sm", caller=ME_ALONE)[0] == [("Mary", "Smithers")]

    def test_reads_so_much_and_no_more(self, database, sent, monkeypatch):
        owner, service = database
        monkeypatch.setattr("chassis.searching._SCANNED", 100)
        # A hundred candidates; of pairs of words only those that are looked at.
        bounds = {"sm": 105, "s": 105, "john smith": 100, "john smi": 100, "jo sm": 100}
        searches = [(text, bound, 10, None) for text, bound in bounds.items()]
        for text, bound, expected, caller in [*searches, ("sm", 2, 1, ME_ALONE)]:
            sent.sent.clear()
            names, _ = search(service, text, caller=caller)

            assert len(names) == expected
            for command in sent.sent:
                plan = owner.command("explain", command, verbosity="executionStats")
                keys, documents, described = examined(plan)

                assert "COLLSCAN" not in described
                assert "'SORT'" not in described
                assert max(keys, documents) <= bound


class TestRefresh:
    def test_makes_records_of_an_older_shape_findable(self, database):
        owner, service = database
        old = {
            "$set": {"schema_version": 1},
            "$unset": {"search_words": "", "grams": ""},
        }
        rows = owner["contacts"]
        rows.update_many({}, old)
        before = rows.find_one({"last_name": "Smithers"})
        assert search(service, "smithers")[0] == []

        refreshed = refresh(owner, ContactRepository)

        after = rows.find_one({"last_name": "Smithers"})
        added = {"search_words", "grams", "schema_version"}
        assert refreshed == MANY + 5
        assert search(service, "smithers")[0] == [("Mary", "Smithers")]
        assert {k: v for k, v in after.items() if k not in added} == {
            k: v for k, v in before.items() if k not in added
        }
        assert after["grams"]
        rows.update_many({}, {"$set": {"schema_version": 1}})
        # All were done before; nobody looks at them again.
        assert refresh(owner, ContactRepository) == 0
