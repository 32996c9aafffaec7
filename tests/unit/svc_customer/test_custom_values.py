from datetime import UTC, datetime
from decimal import Decimal

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from chassis.events import changes_between
from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import new_contact
from svc_customer.domain.custom_fields import new_custom_field
from svc_customer.events import account_updated, contact_updated
from svc_customer.repository.custom_values import found_by, unique_keys
from svc_customer.schemas.custom_values import read_custom_value

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def field(kind, key="a", **terms):
    data = {"resource": "contacts", "key": key, "type": kind, **terms}
    return new_custom_field("f", data, None, NOW)


NO_NUMBERS = (
    *(10**15, 1e15, 0.1234567, True, None),
    *("9" * 16, "1e-7", "1e99", "1." + "0" * 30, "9" * 5_000),
    *("", " 1", "-", "0x1", "inf", "\N{ARABIC-INDIC DIGIT ONE}"),
)
NUMBERS = st.decimals(
    min_value=-(10**9) + 1, max_value=10**9 - 1, places=6, allow_nan=False
)


class TestNumbers:
    @given(NUMBERS)
    def test_are_kept_exactly(self, number):
        assert Decimal(str(read_custom_value(field("number"), str(number)))) == number

    @pytest.mark.parametrize(
        ("given", "kept"),
        [(3, 3), (3.0, 3), ("3.50", 3.5), (-0.0, 0), ("1e3", 1000), ("+7", 7)],
    )
    def test_have_one_form(self, given, kept):
        number = read_custom_value(field("number"), given)

        assert (number, type(number)) == (kept, type(kept))

    @pytest.mark.parametrize(
        "given",
        NO_NUMBERS,
        ids=lambda given: str(given)[:20],
    )
    def test_are_no_others(self, given):
        with pytest.raises(ValidationError):
            read_custom_value(field("number"), given)


class TestSelects:
    def test_keep_an_option_of_earlier_times(self):
        tier = field("select", options=("gold",))

        assert read_custom_value(tier, "lead", "lead") == "lead"
        with pytest.raises(ValidationError):
            read_custom_value(tier, "lead", "gold")

    def test_keep_several(self):
        tiers = field("multi_select", options=("gold",))

        assert read_custom_value(tiers, ["lead", "gold"], ["lead"]) == ["lead", "gold"]
        with pytest.raises(ValidationError):
            read_custom_value(tiers, ["lead"], None)


class TestFoundBy:
    def test_has_an_entry_for_each_value_of_indexed_fields(self):
        fields = [
            field("text", "a", indexed=True),
            field("multi_select", "b", indexed=True),
            field("number", "c"),
            field("number", "d", indexed=True),
        ]
        values = {"a": "  Zürich ", "b": ["x", "y"], "c": 1}

        assert found_by(fields, values, "EUR") == (
            {"k": "a", "v": "zurich"},
            {"k": "b", "v": "x"},
            {"k": "b", "v": "y"},
        )

    def test_compares_amounts_in_one_currency(self):
        fields = [field("money", indexed=True)]
        values = {"a": {"amount": "5", "currency": "EUR"}}

        assert found_by(fields, values, "EUR") == ({"k": "a", "v": Decimal128("5")},)
        assert found_by(fields, values, "USD") == ({"k": "a", "v": None},)


class TestUniqueKeys:
    def test_take_spellings_of_one_text_for_the_same(self):
        fields = [field("text", unique=True), field("number", "b", unique=True)]

        assert unique_keys(fields, {"a": "Ärmel  1", "b": 7}) == ("a:armel 1", "b:7")


class TestEvents:
    BEFORE = new_contact("c", {"custom": {"a": "x", "b": 1}}, None, NOW)

    def test_name_keys_and_nothing_personal(self):
        patch = {"custom": {"a": "y", "b": 1}, "custom_index": ({"k": "a", "v": "y"},)}
        after = self.BEFORE.changed(patch, NOW)
        event = contact_updated(self.BEFORE, after)

        assert event.data["changed"] == ["custom.a"]
        assert event.changes == {"custom.a": {"from": "x", "to": "y"}}
        assert "custom.a" in event.personal

    def test_of_accounts_are_about_no_person(self):
        before = new_account("a", {"name": "A", "custom": {}}, None, NOW)
        after = before.changed({"custom": {"a": 1}}, NOW)

        assert account_updated(before, after).personal == frozenset()

    def test_tell_what_was_taken_away(self):
        after = self.BEFORE.changed({"custom": {"b": 1}}, NOW)

        assert changes_between(self.BEFORE, after) == {
            "custom.a": {"from": "x", "to": None}
        }
