"""What lists cost: no query that the interface allows reads what it need not.

Each collection is filled so that every field has one value in all records but
a few. Whatever finds only those few must not read the others.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from explaining import FINDS, context_of
from explaining import cost_of as cost_of_page

from chassis.auth import Caller
from chassis.errors import InvalidInputError
from chassis.ids import new_id
from chassis.money import Money
from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import (
    Contact,
    ContactAccount,
    EmailAddress,
    PhoneNumber,
)
from svc_customer.domain.interactions import Interaction
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.customers import COUNTED_TO
from svc_customer.repository.interactions import InteractionRepository
from svc_customer.repository.records import TAG_INDEX

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

MANY, FEW = 1_500, 3
# Of another organization, whose records are not read either.
OTHERS = 200
# A page of one more row, read along the default order at worst.
BOUND = 60
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(tz=UTC).replace(microsecond=0)
TODAY = NOW.date().isoformat()
ORG, COMMON, RARE = new_id(), new_id(), new_id()
PERSON, COLLEAGUE = new_id(), new_id()
COMMON_SEGMENT, RARE_SEGMENT = f"{new_id()}.000001", f"{new_id()}.000001"
REPOSITORIES = (AccountRepository, ContactRepository, InteractionRepository)
# The filters by which only the few are found, by the kind of a field.
FINDING = {
    "id": {"eq": RARE, "in": RARE, "ne": COMMON, "nin": COMMON},
    "code": {"eq": "rare", "in": "rare,none", "ne": "common", "nin": "common"},
    "text": {
        "eq": "Rare value",
        "in": "rare value",
        "ne": "Common value",
        "nin": "Common value",
        "gt": "Common value",
        "gte": "Rare value",
        "contains": "re val",
        "starts_with": "RARE",
    },
    "email": {
        "eq": "Rare@example.com",
        "in": "rare@example.com",
        "contains": "rare@",
        "starts_with": "rare",
    },
    "phone": {"eq": "+44 20 7946 0009", "in": "020 7946 0009"},
    "datetime": {
        "eq": TODAY,
        "gt": "yesterday",
        "gte": TODAY,
        "in": NOW.isoformat(),
    },
    "flag": {"eq": "true", "ne": "false"},
    "integer": {
        "eq": "9",
        "in": "9",
        "gt": "5",
        "gte": "9",
        "ne": "1",
        "nin": "1",
    },
    "decimal": {
        "eq": "9.50",
        "in": "9.50",
        "gt": "5",
        "gte": "9.5",
        "ne": "1",
        "nin": "1",
    },
}
# Values of the many and of the few where a kind has not just any.
EXACTLY = {
    "owner_id": (PERSON, COLLEAGUE),
    "lifecycle_stage": ("lead", "customer"),
    "type": ("purchase", "call"),
    "direction": ("inbound", "outbound"),
}


def record(kind, *, is_rare, number):
    """A record of the many, or of the few."""
    at = NOW if is_rare else LONG_AGO + timedelta(seconds=number)
    other = RARE if is_rare else COMMON
    text = "Rare Value" if is_rare else "Common Value"
    code = "rare" if is_rare else "common"
    phone = "+44 20 7946 0009" if is_rare else "+44 20 7946 0000"
    chosen = {name: values[is_rare] for name, values in EXACTLY.items()}
    common = {
        "id": new_id(),
        "owner_id": COLLEAGUE if is_rare else PERSON,
        "created_at": at,
        "updated_at": at,
        "external_ids": {"sap": f"{code}{number}"} if is_rare else {},
    }
    labels = {"tags": (code,), "source": code}
    if kind is Account:
        return Account(
            **common,
            **labels,
            lifecycle_stage=chosen["lifecycle_stage"],
            name=text,
            domain=text,
            industry=text,
            employee_count=9 if is_rare else 1,
            phone=phone,
            parent_id=other,
        )
    if kind is Contact:
        return Contact(
            **common,
            **labels,
            lifecycle_stage=chosen["lifecycle_stage"],
            last_name=text,
            first_name=text,
            job_title=text,
            emails=(EmailAddress(address=f"{code}@example.com", is_primary=True),),
            phones=(PhoneNumber(number=phone, is_primary=True),),
            accounts=(ContactAccount(account_id=other, is_primary=True),),
            do_not_contact=is_rare,
        )
    return Interaction(
        **common,
        type=chosen["type"],
        direction=chosen["direction"],
        occurred_at=at,
        contact_id=other,
        account_id=other,
        thread_id=other,
        subject=text,
        amount=Money(Decimal("9.50" if is_rare else "1"), "EUR"),
    )


@pytest.fixture(scope="module")
def database(customers):
    for org_id, count in ((ORG, MANY), (new_id(), OTHERS)):
        for repository in REPOSITORIES:
            fill(customers, repository, org_id, count)
    return customers


def fill(database, repository, org_id, count):
    rows = repository(database, context_of(org_id))
    kind = repository.entity
    few = [record(kind, is_rare=True, number=n) for n in range(FEW)]
    many = [record(kind, is_rare=False, number=n) for n in range(count)]
    added = rows.add_all([(each, None, None) for each in few + many])
    assert not any(isinstance(each, Exception) for each in added)
    collection = database[repository.collection.name]
    collection.update_many(
        {"_id": few[0].id}, {"$set": {"archived_at": NOW, "is_live": False}}
    )
    collection.update_many(
        {"_id": {"$in": [each.id for each in few]}},
        {"$set": {"segment_keys": [COMMON_SEGMENT, RARE_SEGMENT]}},
    )
    collection.update_many(
        {"_id": {"$in": [each.id for each in many]}},
        {"$set": {"segment_keys": [COMMON_SEGMENT]}},
    )
    # What other records make of these is not theirs to store.
    derived = {"last_interaction_at": "$created_at"}
    collection.update_many({"org_id": org_id}, [{"$set": derived}])
    # Stored by nobody in particular, amounts are of no organization's currency.
    own = {"amount.amount_base": "$amount.amount"}
    collection.update_many({"org_id": org_id, "amount": {"$ne": None}}, [{"$set": own}])


def finding(name, field):
    """The operators and values by which only the few are found."""
    if name in EXACTLY:
        many, few = EXACTLY[name]
        return {"eq": few, "in": few, "ne": many, "nin": many}
    if name == "id":
        return {"eq": RARE, "in": RARE}
    if name == "external_id":
        return {"eq": "sap:rare1", "in": "sap:rare1", "exists": "true"}
    if name == "archived_at":
        return {**FINDING["datetime"], "exists": "true"}
    return FINDING[field.kind]


def cases():
    for repository in REPOSITORIES:
        for name, field in repository.fields.items():
            for operator, text in finding(name, field).items():
                case = repository, name, operator, text
                yield pytest.param(*case, id=f"{repository.resource}.{name}.{operator}")


def cost_of(database, repository, parameters, caller=None, within=None):
    rows = repository(database, context_of(ORG, caller))
    return cost_of_page(rows, parameters, within=within)


class TestFilters:
    @pytest.mark.parametrize(("repository", "name", "operator", "text"), list(cases()))
    def test_read_what_they_find(self, database, repository, name, operator, text):
        parameters = {f"filter[{name}][{operator}]": text, "limit": "10"}
        used, keys, documents, _ = cost_of(database, repository, parameters)

        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND

    @pytest.mark.parametrize("repository", REPOSITORIES)
    @pytest.mark.parametrize("operator", ["eq", "contains"])
    def test_find_the_few(self, database, repository, operator):
        name = {
            "accounts": "name",
            "contacts": "last_name",
            "interactions": "subject",
        }[repository.resource]
        parameters = {f"filter[{name}][{operator}]": "RARE Value"}

        # One of them is archived.
        assert cost_of(database, repository, parameters)[-1] == FEW - 1

    def test_of_every_field_are_tried(self):
        for repository in REPOSITORIES:
            tried = {each.values[1] for each in cases() if each.values[0] is repository}
            assert tried == repository.fields.keys()


class TestOrders:
    @pytest.mark.parametrize(
        ("repository", "sort"),
        [
            (repository, f"{sign}{name}")
            for repository in REPOSITORIES
            for name, field in repository.fields.items()
            if field.is_sortable
            for sign in ("", "-")
        ],
    )
    def test_are_read_from_an_index(self, database, repository, sort):
        parameters = {"sort": sort, "limit": "10"}
        used, keys, documents, _ = cost_of(database, repository, parameters)

        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND

    @pytest.mark.parametrize(
        "sort", ["-created_at,last_name", "updated_at,-first_name"]
    )
    def test_of_several_fields_read_a_page(self, database, sort):
        parameters = {"sort": sort, "limit": "10"}
        used, keys, documents, returned = cost_of(
            database, ContactRepository, parameters
        )

        assert returned == 11
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND

    def test_that_would_sort_too_much_are_refused(self, database, monkeypatch):
        monkeypatch.setattr("chassis.listing._MOST_SORTED", MANY - 1)

        with pytest.raises(InvalidInputError, match="invalid_sort"):
            cost_of(database, ContactRepository, {"sort": "last_name,created_at"})


SORTS = ["-created_at", "updated_at", "last_name", "-last_interaction_at"]


@pytest.mark.parametrize("sort", SORTS)
class TestPairs:
    """Two filters, and an order that the index of neither has."""

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("source", "rare"),
            ("last_name", "Rare value"),
            ("email", "rare@example.com"),
            ("account_id", RARE),
            ("external_id", "sap:rare1"),
        ],
    )
    def test_of_which_one_finds_few_read_those(self, database, sort, name, text):
        parameters = {f"filter[{name}]": text, "filter[tags][exists]": "true"}
        parameters |= {"filter[lifecycle_stage]": "customer", "sort": sort}
        used, keys, documents, returned = cost_of(
            database, ContactRepository, parameters
        )

        assert 1 <= returned < FEW
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND

    def test_that_find_many_are_read_in_order(self, database, sort, monkeypatch):
        monkeypatch.setattr("chassis.planning.FEW", 20)
        parameters = {"filter[lifecycle_stage]": "lead", "filter[source]": "common"}
        used, keys, documents, returned = cost_of(
            database, ContactRepository, {**parameters, "sort": sort, "limit": "10"}
        )

        assert returned == 11
        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND


class TestPages:
    @pytest.mark.parametrize(
        "sort", ["-created_at", "updated_at", "created_at,last_name"]
    )
    def test_far_behind_cost_what_the_first_costs(self, database, sort):
        rows = ContactRepository(database, context_of(ORG))
        parameters = {"sort": sort, "limit": "200"}
        for _ in range(5):
            parameters["cursor"] = rows.page(parameters, ()).next_cursor
        parameters["limit"] = "10"
        used, keys, documents, returned = cost_of(
            database, ContactRepository, parameters
        )

        assert returned == 11
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND


class TestTimelines:
    @pytest.mark.parametrize("field", ["contact_id", "account_id", "thread_id"])
    @pytest.mark.parametrize("sort", ["-occurred_at", "occurred_at"])
    def test_are_read_in_their_order_from_wherever(self, database, field, sort):
        rows = InteractionRepository(database, context_of(ORG))
        parameters = {f"filter[{field}]": COMMON, "sort": sort, "limit": "200"}
        costs = [cost_of(database, InteractionRepository, parameters)]
        for _ in range(5):
            parameters["cursor"] = rows.page(parameters, ()).next_cursor
        costs.append(cost_of(database, InteractionRepository, parameters))

        for used, keys, documents, returned in costs:
            assert not {"COLLSCAN", "SORT"} & used
            assert returned == 201
            assert max(keys, documents) <= returned + BOUND


class TestSegments:
    @pytest.mark.parametrize("repository", REPOSITORIES[:2])
    @pytest.mark.parametrize("key", [COMMON_SEGMENT, RARE_SEGMENT])
    def test_list_their_members_by_an_index(self, database, repository, key):
        within = {"segment_keys": key}
        used, keys, documents, _ = cost_of(
            database, repository, {"limit": "10"}, within=within
        )

        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND


class TestRights:
    def test_of_few_records_are_found_by_an_index(self, database):
        caller = Caller(
            principal_id=COLLEAGUE,
            principal_type="person",
            org_id=ORG,
            roles=(),
            team_ids=(),
            grants={"contacts:read": "own"},
            expires_at=(NOW + timedelta(hours=1)).timestamp(),
            token_id="t",  # noqa: S106 - a token's id is no secret
        )
        used, keys, _, returned = cost_of(
            database, ContactRepository, {"limit": "10"}, caller
        )

        assert returned == FEW - 1
        assert "COLLSCAN" not in used
        assert keys <= BOUND


class TestCounts:
    @pytest.mark.parametrize("repository", REPOSITORIES)
    def test_of_everything_read_one_index(self, database, repository):
        rows = repository(database, context_of(ORG))
        page = rows.page({"include": "count", "limit": "1"}, ())
        keys = dict(FINDS.hint)

        assert page.count == MANY + FEW - 1
        assert list(keys)[:3] == ["org_id", "created_at", "_id"]
        assert "grams" not in keys


class TestTags:
    @pytest.mark.parametrize("repository", REPOSITORIES[:2])
    def test_are_found_without_reading_the_records(self, database, repository):
        rows = repository(database, context_of(ORG))
        before = FINDS.looks
        found = [(tag.name, tag.count) for tag in rows.tags_in_use("", "", 10)]

        assert found == [("common", COUNTED_TO + 1), ("rare", FEW - 1)]
        # One for each name, one more for the end, and one count for each.
        assert FINDS.looks - before == 5
        assert FINDS.hint == dict(TAG_INDEX.keys)
