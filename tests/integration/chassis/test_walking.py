"""Pages that are looked for stretch by stretch: nothing is left out or twice."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from explaining import context_of

from chassis.auth import Caller
from chassis.errors import DeadlineExceededError
from chassis.ids import new_id
from chassis.mongo import as_wire_error
from svc_customer.domain.contacts import Contact, EmailAddress
from svc_customer.repository.contacts import ContactRepository

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

COUNT = 400
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ORG = new_id()
OWNERS = [new_id() for _ in range(3)]
STAGES = ("lead", "customer")
NAMES = ("", "Smith", "Smithson", "Øster", "Li")
# Filters that exclude each other, and such as find a part of all.
FILTERS = {
    "nothing": {"filter[source]": "web", "filter[tags]": "never-web"},
    "part of a name": {"filter[last_name][contains]": "smi"},
    "a tag": {"filter[tags]": "vip", "filter[lifecycle_stage]": "lead"},
    "an address": {"filter[email][contains]": "example", "filter[source]": "web"},
    "no owner": {"filter[owner_id][exists]": "false"},
}
SORTS = (
    "-created_at",
    "created_at",
    "-updated_at",
    "last_name",
    "-last_name",
    "last_name,first_name",
    "-last_name,-first_name",
    "-updated_at,last_name",
    "last_name,-created_at,first_name",
)


def made(number):
    chance = random.Random(number)  # noqa: S311 - no secret
    source = chance.choice(("web", "fair", None))
    tags = ("vip",) if chance.random() < 0.5 else ()
    at = LONG_AGO + timedelta(hours=chance.randrange(40))
    return Contact(
        id=new_id(),
        owner_id=chance.choice((*OWNERS, None)),
        created_at=at,
        updated_at=LONG_AGO + timedelta(days=chance.randrange(4)),
        lifecycle_stage=chance.choice(STAGES),
        source=source,
        tags=tags if source == "web" else (*tags, "never-web"),
        last_name=chance.choice(NAMES) or None,
        first_name=chance.choice(NAMES) or "Ada",
        emails=(EmailAddress(address=f"{number}@example.com", is_primary=True),),
    )


@pytest.fixture(scope="module")
def database(customers):
    rows = ContactRepository(customers, context_of(ORG))
    rows.add_all([(made(number), None, None) for number in range(COUNT)])
    return customers


@pytest.fixture
def hurried(monkeypatch):
    """Every page is walked to, some records at a time, and ends at once."""
    monkeypatch.setattr("chassis.listing._PATIENCE_S", 1e-9)
    monkeypatch.setattr("chassis.walking._FIRST_STRETCH", 30)
    monkeypatch.setattr("chassis.walking._GROWTH", 1)
    monkeypatch.setattr("chassis.walking._TIME_S", 0.0)


def pages(database, parameters, caller=None):
    """All pages, and the ids of their rows."""
    rows = ContactRepository(database, context_of(ORG, caller))
    found, cursor = [], {}
    while len(found) <= COUNT:
        page = rows.page({**parameters, **cursor}, ())
        found.append([each.id for each in page.items])
        if page.next_cursor is None:
            return found
        cursor = {"cursor": page.next_cursor}
    raise AssertionError("They never end.")


def rows_of(found):
    return [each for page in found for each in page]


class TestCounting:
    def test_that_takes_too_long_leaves_the_page_whole(self, database, monkeypatch):
        rows = ContactRepository(database, context_of(ORG))
        parameters = {**FILTERS["a tag"], "include": "count", "limit": "200"}
        counted = rows.page(parameters, ()).view(lambda contact: {"id": contact.id})
        monkeypatch.setattr("chassis.reader._PATIENCE_S", 1e-9)

        given_up = rows.page(parameters, ()).view(lambda contact: {"id": contact.id})

        assert counted["page"]["count"] > 0
        assert not counted["page"]["count_capped"]
        unknown = {"count": None, "count_capped": True}
        assert given_up == {**counted, "page": {**counted["page"], **unknown}}


class TestWalking:
    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS.keys())
    def test_finds_what_is_found_at_once(self, database, request, filters, sort):
        parameters = {**filters, "sort": sort, "limit": "20"}
        expected = pages(database, parameters)
        request.getfixturevalue("hurried")
        found = pages(database, parameters)

        assert rows_of(found) == rows_of(expected)
        assert all(len(page) <= 20 for page in found)

    @pytest.mark.usefixtures("hurried")
    def test_ends_pages_early(self, database):
        found = pages(database, FILTERS["nothing"])

        assert rows_of(found) == []
        assert len(found) > 3

    @pytest.mark.usefixtures("hurried")
    def test_goes_on_while_there_is_time(self, database, monkeypatch):
        monkeypatch.setattr("chassis.walking._TIME_S", 60.0)

        assert pages(database, FILTERS["nothing"]) == [[]]

    @pytest.mark.usefixtures("hurried")
    def test_follows_rights(self, database):
        caller = Caller(
            principal_id=OWNERS[0],
            principal_type="person",
            org_id=ORG,
            roles=(),
            team_ids=(),
            grants={"contacts:read": "own"},
            expires_at=(datetime.now(tz=UTC) + timedelta(hours=1)).timestamp(),
            token_id="t",  # noqa: S106 - a token's id is no secret
        )
        for sort in ("-created_at", "last_name"):
            own = pages(database, {"sort": sort}, caller)
            every = {"sort": sort, "filter[owner_id]": OWNERS[0]}

            assert rows_of(own) == rows_of(pages(database, every))
            assert 0 < len(rows_of(own)) < COUNT / 2

    @pytest.mark.usefixtures("hurried")
    def test_gives_up_if_nothing_can_be_read_in_time(self, database, monkeypatch):
        monkeypatch.setattr("chassis.walking._LEAST_S", 1e-9)

        with pytest.raises(Exception, match="time") as raised:
            pages(database, FILTERS["nothing"])
        assert isinstance(as_wire_error(raised.value), DeadlineExceededError)
