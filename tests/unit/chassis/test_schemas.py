from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from marshmallow import fields

from chassis.errors import InvalidInputError
from chassis.ids import new_id
from chassis.money import Money
from chassis.schemas import (
    Day,
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
    on = Day()
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
            ("email", "x" * 65 + "@b.co"),
            ("owner_id", "x"),
            ("owner_id", None),
            ("at", 0),
            ("at", "yesterday"),
            ("at", "1899-12-31T23:59:59Z"),
            ("at", "2200-01-01T00:00:00Z"),
            ("at", "9999-12-31T23:59:59-14:00"),
            ("at", "2026-01-31"),
            ("at", "2026-W27-2T10"),
            ("at", "20260101T000000Z"),
            ("at", "2026-01-31T09:30Z"),
            ("at", "2026-01-31 09:30:00Z"),
            ("at", "2026-01-31T09:30:00,5Z"),
            ("at", "2026-01-31T09:30:00+0100"),
            ("at", "2026-01-31T09:30:60Z"),
            ("at", "2026-01-31T09:30:00Z "),
            ("on", "2026-W27-2"),
            ("on", "20260131"),
            ("on", "2026-02-30"),
            ("on", "2026-01-31T00:00:00Z"),
            ("on", "٢٠٢٦-01-31"),
            ("on", 20260131),
            ("on", None),
            ("price", "1.00 EUR"),
        ],
    )
    def test_refuses(self, name, value):
        assert name in errors({name: value})

    @pytest.mark.parametrize(
        "amount",
        [
            *(1.5, True, "NaN", "Infinity", "1e5", "1.00001", "1" * 16, "", None),
            *("1E+9999999", "1E-9999999", "0." + "1" * 40, "1E0"),
            *("1_000.50", " 12 ", "١٢", "+1", "1.", ".5", "1,5", "1\n", 10**15),
        ],
    )
    def test_refuses_what_is_no_amount(self, amount):
        assert "price.amount" in errors(
            {"price": {"amount": amount, "currency": "EUR"}}
        )

    @pytest.mark.parametrize(
        ("amount", "kept"),
        [
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("0012.50", "12.50"),
            ("-0.01", "-0.01"),
            (-3, "-3"),
            ("9" * 15 + ".9999", "9" * 15 + ".9999"),
        ],
    )
    def test_keeps_amounts_as_they_are(self, amount, kept):
        price = {"amount": amount, "currency": "EUR"}

        assert f"{load(ThingInput(), {'price': price})['price'].amount:f}" == kept

    @pytest.mark.parametrize(
        "text",
        [
            *("2026-01-31T09:30:00Z", "2026-01-31t09:30:00z", "2026-01-31T09:30:00"),
            *("2026-01-31T09:30:00.000999999Z", "2026-01-31T10:30:00+01:00"),
        ],
    )
    def test_reads_moments(self, text):
        moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

        assert load(ThingInput(), {"at": text}) == {"at": moment}

    def test_reads_days(self):
        assert load(ThingInput(), {"on": "2026-01-31"}) == {"on": date(2026, 1, 31)}


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
