import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInputError
from svc_customer.domain.definitions import (
    Group,
    Happened,
    Member,
    Not,
    Property,
    leaves,
    read_definition,
    replaced,
)

TYPES = ("call", "purchase")
ID = "0190a0b0-0000-7000-8000-000000000001"
LEAF = {"field": "source", "value": "web"}

# Whatever JSON can hold, with the words of the language in it.
WORDS = ("all", "any", "not", "field", "op", "value", "interactions", "count", "$ne")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner)
    ),
    max_leaves=12,
)


def read(given_json):
    return read_definition(given_json, TYPES)


def fields_of(error):
    return [each["field"] for each in error.value.extra["errors"]]


class TestReadDefinition:
    def test_reads_the_whole_language(self):
        node = read(
            {
                "all": [
                    {"field": "employee_count", "op": "gte", "value": 10},
                    {"any": [{"not": {"segment": ID}}, {"interactions": None}]},
                    {
                        "interactions": "purchase",
                        "count": {"gte": 3, "lte": 9},
                        "amount": {"gte": "1.50"},
                        "within": "90d",
                    },
                ]
            }
        )

        path = "definition.all"
        once = Happened(f"{path}.1.any.1", None, {"gte": 1})
        bought = Happened(
            f"{path}.2", "purchase", {"gte": 3, "lte": 9}, {"gte": Decimal("1.50")}, 90
        )
        member = Member(f"{path}.1.any.0.not", ID)
        assert node == Group(
            is_all=True,
            parts=(
                Property(f"{path}.0", "employee_count", "gte", "10"),
                Group(is_all=False, parts=(Not(member), once)),
                bought,
            ),
        )

    @pytest.mark.parametrize(
        ("value", "text"),
        [(True, "true"), (3, "3"), (1.5, "1.5"), ("", "")],
    )
    def test_writes_values_as_query_strings_do(self, value, text):
        assert read({"field": "f", "value": value}).text == text
        listed = read({"field": "f", "op": "in", "value": [value, "b"]})
        assert listed.text == f"{text},b"

    @pytest.mark.parametrize(
        "amount",
        ["0.12345", "0." + "1234567890" * 4, "1E-7000", "1E+9999999", "1" * 16, "x"],
    )
    def test_takes_only_amounts_that_are_kept_exactly(self, amount):
        with pytest.raises(InvalidInputError) as error:
            read({"interactions": "call", "amount": {"gte": amount}})

        assert fields_of(error) == ["definition.amount.gte"]

    @given(json_values)
    def test_takes_or_names_whatever_comes(self, value):
        try:
            node = read(value)
        except InvalidInputError as error:
            (named,) = error.extra["errors"]
            assert named["field"].startswith("definition")
        else:
            assert all(not isinstance(each, dict) for each in leaves(node))

    @given(st.integers(1, 12), st.integers(1, 60))
    def test_is_bounded(self, depth, width):
        definition = {"any": [LEAF] * width}
        for _ in range(depth):
            definition = {"not": definition}
        is_small = depth + 2 <= 5 and width <= 30

        if is_small:
            assert len(list(leaves(read(definition)))) == width
        else:
            with pytest.raises(InvalidInputError, match="definition_too_large"):
                read(definition)

    def test_counts_conditions_over_all_levels(self):
        half = {"all": [LEAF] * 16}

        with pytest.raises(InvalidInputError, match="definition_too_large"):
            read({"any": [half, half]})

    @pytest.mark.parametrize(
        ("definition", "field"),
        [
            ([], "definition"),
            ({"all": [LEAF], "any": [LEAF]}, "definition.any"),
            ({"all": [LEAF, 3]}, "definition.all.1"),
            ({"field": "f"}, "definition.value"),
            ({"field": "f", "value": None}, "definition.value"),
            ({"field": "f", "op": "in", "value": []}, "definition.value"),
            ({"field": "f", "op": "in", "value": ["a,b"]}, "definition.value"),
            ({"field": "f", "op": "in", "value": [["a"]]}, "definition.value.0"),
            ({"field": "f", "value": "x" * 1_001}, "definition.value"),
            ({"field": "f", "value": ["a", "b"]}, "definition.value"),
            ({"field": "f", "op": "gte", "value": ["a"]}, "definition.value"),
            ({"field": "f", "value": float("inf")}, "definition.value"),
            ({"field": "f", "op": 1, "value": 1}, "definition.op"),
            ({"interactions": "call", "count": {}}, "definition.count"),
            ({"interactions": "call", "count": {"eq": True}}, "definition.count.eq"),
            ({"interactions": "call", "within": 90}, "definition.within"),
            ({"interactions": "call", "within": "9999d"}, "definition.within"),
            ({"interactions": "call", "amount": {"eq": "NaN"}}, "definition.amount.eq"),
            ({"interactions": "call", "as_of": "1998-06-30"}, "definition.as_of"),
            (
                {"interactions": "call", "within": "9d", "as_of": "19980630"},
                "definition.as_of",
            ),
            (
                {"interactions": "call", "within": "9d", "as_of": "1899-12-31"},
                "definition.as_of",
            ),
            ({"interactions": "call", "within": "9d", "as_of": 3}, "definition.as_of"),
            ({"segment": ID, "not": LEAF}, "definition.segment"),
        ],
    )
    def test_names_what_is_wrong(self, definition, field):
        with pytest.raises(InvalidInputError) as error:
            read(definition)

        assert fields_of(error) == [field]


class TestDays:
    def test_end_today_and_move_on(self):
        node = read({"interactions": "call", "within": "3d"})

        assert node.day_range(date(2026, 3, 1)) == {
            "$gte": "2026-02-27",
            "$lte": "2026-03-01",
        }
        assert node.is_moving

    def test_end_with_a_day_that_is_named(self):
        node = read({"interactions": "call", "within": "90d", "as_of": "1998-06-30"})

        assert node.day_range(date(2026, 3, 1)) == {
            "$gte": "1998-04-02",
            "$lte": "1998-06-30",
        }
        assert not node.is_moving

    def test_are_all_where_nothing_is_said(self):
        node = read({"interactions": "call"})

        assert node.day_range(date(2026, 3, 1)) == {}
        assert not node.is_moving


class TestHappened:
    @pytest.mark.parametrize(
        ("bounds", "count", "holds"),
        [
            ({"gte": 3}, 3, True),
            ({"gte": 3}, 2, False),
            ({"lte": 0}, 0, True),
            ({"eq": 2}, 3, False),
            ({"gte": 1, "lte": 2}, 3, False),
        ],
    )
    def test_compares_sums(self, bounds, count, holds):
        assert Happened("", None, bounds).holds(count, Decimal(0)) is holds

    def test_holds_of_nothing_if_that_is_asked(self):
        assert Happened("", None, {"lte": 2}).holds_of_nothing
        assert not Happened("", None, {"lte": 2}, {"gte": Decimal(1)}).holds_of_nothing


class TestReplaced:
    def test_keeps_the_form(self):
        node = read({"any": [{"not": LEAF}, {"all": [LEAF]}]})
        same = replaced(node, lambda leaf: leaf)

        assert same == node
        assert json.dumps([leaf.path for leaf in leaves(same)]) == json.dumps(
            ["definition.any.0.not", "definition.any.1.all.0"]
        )
