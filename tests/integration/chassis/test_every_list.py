"""Whatever a list can be filtered or sorted by is backed by an index.

Accounts, contacts and interactions, of which there are most, are looked at more
closely (``test_list_costs``). Here is every list that the interface has: its
collection is filled with documents that have one value in all but a few, under
the paths that its fields name.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import Decimal128
from explaining import context_of
from explaining import cost_of as cost_of_page

from chassis.auth import Caller
from chassis.events import wire_time
from chassis.fields import search_keys
from chassis.ids import new_id
from stack.openapi.listing import repositories

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

MANY, FEW = 1_000, 3
# Of another organization, whose records are not read either.
OTHERS = 200
# A page of one more row, read along the default order at worst.
BOUND = 60
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime.now(tz=UTC).replace(microsecond=0)
TODAY = NOW.date().isoformat()
ORG, COMMON, RARE = new_id(), new_id(), new_id()
CALLER = Caller(
    principal_id=new_id(),
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"*": "all"},
    expires_at=(NOW + timedelta(hours=1)).timestamp(),
    token_id="t",  # noqa: S106 - a token's id is no secret
)
CLOSER = {"accounts", "contacts", "interactions"}
REPOSITORIES = [
    each
    for name, each in sorted(repositories().items())
    if each.fields and name not in CLOSER
]
# Times that most records have not.
OPTIONAL = {"accepted_at", "archived_at"}
FINDING = {
    "text": {
        "eq": "rare value",
        "in": "Rare value",
        "gt": "Common value",
        "ne": "Common value",
        "nin": "Common value",
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
    "datetime": {"eq": TODAY, "gt": "yesterday", "gte": TODAY, "in": NOW.isoformat()},
    "date": {"eq": "2026-01-31", "gt": "2026-01-30", "in": "2026-01-31"},
    "decimal": {"eq": "9.50", "gt": "5", "gte": "9.5", "in": "9.50", "ne": "1"},
}


def values_of(field):
    """What the many and the few have, as it is stored and as filters name it."""
    if field.choices:
        return field.choices[0], field.choices[1]
    if field.kind == "id":
        return COMMON, RARE
    if field.kind == "email":
        return "common@example.com", "rare@example.com"
    if field.kind == "date":
        return "2020-01-31", "2026-01-31"
    if field.kind == "decimal":
        return Decimal128("1"), Decimal128("9.50")
    return (
        ("Common Value", "Rare Value") if field.kind == "text" else ("common", "rare")
    )


def finding(name, field, *, is_all):
    """The operators and values by which only the few are found.

    Of a list that is a part of its collection, as that of bulk updates is of all
    jobs, two things are asked at once, and not to have a value is none by which an
    index is chosen. Jobs expire, so that there are never many.
    """
    if name == "id":
        return {"eq": RARE, "in": RARE}
    if name in OPTIONAL:
        return {**FINDING["datetime"], "exists": "true"}
    if field.kind in {"code", "id"}:
        many, few = values_of(field)
        return {"eq": few, "in": few, **({"ne": many, "nin": many} if is_all else {})}
    return FINDING[field.kind]


def document(repository, org_id, *, is_rare, number):
    """A record of the many, or of the few, as an index finds it."""
    row = {"_id": new_id(), "org_id": org_id, "archived_at": None}
    if kinds := repository.live.get("kind"):
        row["kind"] = kinds["$in"][0]
    for name, field in repository.fields.items():
        put(row, field.path or name, value_of(name, field, number, is_rare=is_rare))
    row["is_live"] = row["archived_at"] is None
    return {**row, **search_keys(repository.fields, row)}


def value_of(name, field, number, *, is_rare):
    if name == "id":
        return new_id()
    if field.kind == "datetime":
        at = NOW if is_rare else LONG_AGO + timedelta(seconds=number)
        if name in OPTIONAL and not (is_rare and number == 0):
            return None
        return wire_time(at) if field.is_wire_text else at
    value = values_of(field)[is_rare]
    return [value] if field.is_list else value


def put(row, path, value):
    *parents, last = path.split(".")
    for name in parents:
        row = row.setdefault(name, {})
    row[last] = value


@pytest.fixture(scope="module")
def database(migrated):
    collections = {each.collection.name: each.collection for each in REPOSITORIES}
    database = migrated(*map(plain, collections.values()))
    for repository in REPOSITORIES:
        database[repository.collection.name].insert_many(
            document(repository, org_id, is_rare=is_rare, number=number)
            for org_id, many in ((ORG, MANY), (new_id(), OTHERS))
            for is_rare, count in ((True, FEW), (False, many))
            for number in range(count)
        )
    return database


def plain(collection):
    """A collection in which many have the same: nothing in it is unique."""
    indexes = tuple(replace(each, is_unique=False) for each in collection.indexes)
    return replace(collection, indexes=indexes)


def cost_of(database, repository, parameters):
    class Rows(repository):
        def restore(self, document):
            return document

    rows = Rows(database, context_of(ORG, CALLER))
    return cost_of_page(rows, {**parameters, "limit": "10"})


def filters():
    for repository in REPOSITORIES:
        is_all = "kind" not in repository.live
        for name, field in repository.fields.items():
            for operator, text in finding(name, field, is_all=is_all).items():
                case = repository, f"filter[{name}][{operator}]", text
                yield pytest.param(*case, id=f"{repository.resource}.{name}.{operator}")


def orders():
    for repository in REPOSITORIES:
        for name, field in repository.fields.items():
            for sort in (name, f"-{name}") if field.is_sortable else ():
                yield pytest.param(repository, sort, id=f"{repository.resource}.{sort}")


class TestFilters:
    @pytest.mark.parametrize(("repository", "name", "text"), list(filters()))
    def test_read_what_they_find(self, database, repository, name, text):
        used, keys, documents, _ = cost_of(database, repository, {name: text})

        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND


class TestOrders:
    @pytest.mark.parametrize(("repository", "sort"), list(orders()))
    def test_are_read_from_an_index(self, database, repository, sort):
        used, keys, documents, returned = cost_of(database, repository, {"sort": sort})

        assert returned == 11
        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND
