from datetime import UTC, datetime
from decimal import Decimal

from bson import Decimal128

from chassis.documents import blanked, value_of
from chassis.money import Money
from svc_customer.domain.contacts import Contact, EmailAddress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Contact(
    id="1",
    created_at=NOW,
    updated_at=NOW,
    first_name="Ada",
    emails=(EmailAddress(address="ada@example.com", is_primary=True),),
    external_ids={"erp": "4711"},
)


class TestValueOf:
    def test_is_money_where_money_was_stored(self):
        stored = {"amount": Decimal128("5"), "currency": "EUR", "amount_base": None}

        assert value_of(stored) == Money(Decimal(5), "EUR")

    def test_is_somebodys_own_object_whatever_its_members_are_called(self):
        stored = {"amount": 5, "currency": "EUR", "amount_base": "x"}

        assert value_of(stored) == stored


class TestBlanked:
    def test_is_the_value_itself_where_nothing_is_to_be_blank(self):
        assert blanked(ADA, frozenset()) is ADA

    def test_has_nothing_in_these_fields_nor_in_what_follows_from_them(self):
        found = blanked(ADA, {"emails", "external_ids", "first_name", "no_field"})

        assert (found.emails, found.email) == ((), None)
        assert (found.external_ids, found.first_name) == ({}, None)
        assert found.id == "1"
