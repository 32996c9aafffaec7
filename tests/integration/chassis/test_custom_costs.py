"""What custom fields cost: filters read what they find, and nothing else reads them.

All contacts have a common value of each indexed field but a few, which have a
rare one; half of them have no value at all.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from explaining import FINDS, cost_of, explained

from chassis.context import operator_context
from chassis.ids import new_id
from svc_customer.domain.contacts import new_contact
from svc_customer.domain.custom_fields import new_custom_field
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.custom_fields import CustomFieldRepository
from svc_customer.repository.custom_values import found_by, unique_keys

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

MANY, FEW, BOUND = 1_500, 3, 60
# Of another organization, whose records are not read either.
OTHERS = 200
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
COMMON, RARE = new_id(), new_id()
# Of each type: the value of the many, that of the few, and what finds the few.
TYPES = {
    "text": ("Common", "Räre", {"eq": "rare", "gt": "common", "starts_with": "ra"}),
    "number": (1, 2.5, {"eq": "2.5", "in": "2.5,3", "gt": "1", "gte": "2.5"}),
    "money": (
        {"amount": "1", "currency": "EUR"},
        {"amount": "2.50", "currency": "EUR"},
        {"eq": "2.5", "gt": "1", "in": "2.50"},
    ),
    "date": ("2020-01-01", "2026-01-31", {"eq": "2026-01-31", "gt": "2020-01-01"}),
    "select": ("common", "rare", {"eq": "rare", "in": "rare,none"}),
    "multi_select": (["common"], ["common", "rare"], {"eq": "rare"}),
    "boolean": (False, True, {"eq": "true"}),
    "reference": (COMMON, RARE, {"eq": RARE, "in": RARE}),
    "url": ("https://a.example", "https://b.example", {"eq": "https://b.example"}),
    "scarce": (None, "there", {"exists": "true", "eq": "there"}),
}
FIELDS = [
    new_custom_field(
        new_id(),
        {
            "resource": "contacts",
            "key": key,
            "type": {"scarce": "text", "place": "number"}.get(key, key),
            "indexed": True,
        },
        None,
        LONG_AGO,
    )
    for key in (*TYPES, "place")
]
SERIAL = new_custom_field(
    new_id(),
    {"resource": "contacts", "key": "serial", "type": "number", "unique": True},
    None,
    LONG_AGO,
)


def contact(number, *, is_rare):
    at = LONG_AGO + timedelta(seconds=number)
    values = {key: found[is_rare] for key, found in TYPES.items()}
    custom = {key: value for key, value in values.items() if value is not None}
    own = {"serial": number, "place": number}
    custom = {**custom, **own} if is_rare or number % 2 else {}
    data = {
        "last_name": "C",
        "custom": custom,
        "custom_index": found_by(FIELDS, custom, "EUR"),
        "custom_keys": unique_keys([SERIAL], custom),
    }
    made = new_contact(new_id(), data, None, at)
    return replace(made, created_at=at)


@pytest.fixture(scope="module")
def contacts(customers):
    filled(customers, OTHERS)
    return filled(customers, MANY)


def filled(database, count):
    """The contacts of an organization that has fields of its own."""
    context = operator_context(new_id())
    fields = CustomFieldRepository(database, context)
    for field in (*FIELDS, SERIAL):
        fields.add(replace(field, id=new_id()))
    rows = ContactRepository(database, context)
    few = [contact(number, is_rare=True) for number in range(FEW)]
    many = [contact(FEW + number, is_rare=False) for number in range(count)]
    added = rows.add_all([(each, None, None) for each in (*few, *many)])
    assert not any(isinstance(each, Exception) for each in added)
    return rows


@pytest.fixture
def cost(contacts):
    return lambda **asked: cost_of(contacts, {"limit": "10", **asked}, ("custom",))


FINDING = [
    (key, operator, text)
    for key, (_, _, finding) in TYPES.items()
    for operator, text in finding.items()
]


class TestFilters:
    @pytest.mark.parametrize(("key", "operator", "text"), FINDING)
    def test_read_what_they_find(self, cost, key, operator, text):
        used, keys, documents, returned = cost(
            **{f"filter[custom.{key}][{operator}]": text}
        )

        assert returned == FEW
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND

    @pytest.mark.parametrize("key", [key for key in TYPES if key != "scarce"])
    def test_of_what_all_have_read_a_page(self, cost, key):
        common = TYPES[key][0]
        value = {"money": "1", "multi_select": "common", "boolean": "false"}
        text = value.get(key) or str(common)
        used, keys, documents, returned = cost(**{f"filter[custom.{key}]": text})

        assert returned == 11
        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND

    @pytest.mark.parametrize(
        ("key", "operator", "text"),
        [("select", "ne", "rare"), ("number", "exists", "false")],
    )
    def test_that_deny_read_their_list_in_its_order(self, cost, key, operator, text):
        used, keys, documents, returned = cost(
            **{f"filter[custom.{key}][{operator}]": text}
        )

        assert returned == 11
        assert not {"COLLSCAN", "SORT"} & used
        assert max(keys, documents) <= BOUND

    def test_of_several_fields_read_one_index(self, cost):
        used, keys, documents, returned = cost(
            **{"filter[custom.number]": "2.5", "filter[custom.select]": "rare"}
        )

        assert returned == FEW
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND

    def test_between_two_bounds_read_what_is_there(self, cost):
        used, keys, documents, returned = cost(
            **{"filter[custom.place][gte]": "701", "filter[custom.place][lt]": "706"}
        )

        assert returned == 3
        assert "COLLSCAN" not in used
        assert max(keys, documents) <= BOUND


class TestDefinitions:
    def test_are_read_once_where_a_filter_names_them(self, contacts):
        FINDS.asked.clear()
        contacts.page({"filter[custom.number]": "1"}, ())

        assert FINDS.asked.count("custom_fields") == 1

    def test_are_not_read_otherwise(self, contacts):
        FINDS.asked.clear()
        page = contacts.page({"filter[last_name]": "C", "limit": "1"}, ())
        contacts.get(page.items[0].id)

        assert "custom_fields" not in FINDS.asked


class TestUpserts:
    def test_find_records_by_an_index(self, contacts):
        found = contacts.match("custom.serial", ["serial:1", "serial:2"])
        used, keys, _, _ = explained(contacts)

        assert found.keys() == {"serial:1", "serial:2"}
        assert "COLLSCAN" not in used
        assert keys <= BOUND
