from decimal import Decimal

from bson import Decimal128

from chassis.documents import value_of
from chassis.money import Money


class TestValueOf:
    def test_is_money_where_money_was_stored(self):
        stored = {"amount": Decimal128("5"), "currency": "EUR", "amount_base": None}

        assert value_of(stored) == Money(Decimal(5), "EUR")

    def test_is_somebodys_own_object_whatever_its_members_are_called(self):
        stored = {"amount": 5, "currency": "EUR", "amount_base": "x"}

        assert value_of(stored) == stored
