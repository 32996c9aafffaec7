from datetime import UTC, datetime
from decimal import Decimal

import pytest
from marshmallow import fields

from chassis.errors import InvalidInputError
from chassis.ids import new_id
from chassis.money import Money
from chassis.schemas import (
    Email,
    Flag,
    Id,
    Input,
    Moment,
    MoneyInput,
    Text,
    load,
    load_query,
)


class ThingInput(Input):
    name = Text(10)
    email = Email()
    owner_id = Id()
    at = Moment()
    is_new = Flag()
    price = fields.Nested(MoneyInput)
    prices = fields.List(fields.Nested(MoneyInput))


def errors(payload):
    with pytest.raises(InvalidInputError) as caught:
        load(ThingInput(), payload)
    return {each["field"]: each["code"] for each in caught.value.extra["errors"]}


class TestLoad:
    def test_gives_values(self):
        owner_id = new_id()
        data = load(
            ThingInput(),
            {
                "name": " Li ",
                "email": "Li@Exämple.test",
                "owner_id": owner_id,
                "at": "2026-01-31T10:30:00.1239+01:00",
                "price": {"amount": "1234.50", "currency": "EUR"},
            },
        )

        assert data == {
            "name": "Li",
            "email": "Li@exämple.test",
            "owner_id": owner_id,
            "at": datetime(2026, 1, 31, 9, 30, 0, 123_000, tzinfo=UTC),
            "price": Money(Decimal("1234.50"), "EUR"),
        }

    def test_names_fields_by_their_path(self):
        payload = {"nope": 1, "prices": [{"amount": "1", "currency": "XXX"}, {}]}

        assert errors(payload) == {
            "nope": "unknown_field",
            "prices.0.currency": "invalid",
            "prices.1.amount": "required",
            "prices.1.currency": "required",
        }

    @pytest.mark.parametrize("payload", [None, [], "x", 1])
    def test_wants_an_object(self, payload):
        assert errors(payload) == {"": "invalid"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", ""),
            ("name", "x" * 11),
            ("name", "a\0b"),
            ("name", 1),
            ("email", "nobody"),
            ("email", "a@b"),
            ("email", "a@b.co\nBcc: x@y.zz"),
            ("email", "x" * 250 + "@b.co"),
            ("owner_id", "x"),
            ("owner_id", None),
            ("at", 0),
            ("at", "yesterday"),
            ("at", "1899-12-31T23:59:59Z"),
            ("at", "2200-01-01T00:00:00Z"),
            ("at", "9999-12-31T23:59:59-14:00"),
            ("price", "1.00 EUR"),
        ],
    )
    def test_refuses(self, name, value):
        assert name in errors({name: value})

    @pytest.mark.parametrize(
        "amount",
        [
            *(1.5, True, "NaN", "Infinity", "1e5", "1.00001", "1" * 16, "", None),
            *("1E+9999999", "1E-9999999", "0." + "1" * 40),
        ],
    )
    def test_refuses_what_is_no_amount(self, amount):
        assert "price.amount" in errors(
            {"price": {"amount": amount, "currency": "EUR"}}
        )


class TestFlag:
    @pytest.mark.parametrize("value", [True, False])
    def test_is_true_or_false(self, value):
        assert load(ThingInput(), {"is_new": value}) == {"is_new": value}

    @pytest.mark.parametrize("value", [1, 0, 1.0, "true", "yes", "", None, [], {}])
    def test_is_nothing_else(self, value):
        assert errors({"is_new": value}) == {"is_new": "invalid"}


class TestLoadQuery:
    def test_gives_values(self):
        assert load_query(ThingInput(), {"name": "x"}) == {"name": "x"}

    @pytest.mark.parametrize(
        ("parameters", "code", "field"),
        [
            ({"at": "soon"}, "invalid_query", "at"),
            ({"name": ""}, "invalid_query", "name"),
            ({"nope": "1", "at": "soon"}, "unknown_parameter", "nope"),
            ({"x" * 500: "1"}, "unknown_parameter", "x" * 100),
        ],
    )
    def test_refuses_the_whole_query_with_400(self, parameters, code, field):
        with pytest.raises(InvalidInputError) as caught:
            load_query(ThingInput(), parameters)

        assert caught.value.code == code
        assert caught.value.extra["status"] == 400
        assert [
            (each["field"], each["code"]) for each in caught.value.extra["errors"]
        ] == [(field, code)]
