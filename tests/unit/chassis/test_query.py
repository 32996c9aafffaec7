from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from chassis.cursors import CursorSeal
from chassis.errors import InvalidInputError
from chassis.fields import OPERATORS, Clock, Field
from chassis.ids import new_id
from chassis.query import Listing, Page, all_of, compile_query

FIELDS = {
    "id": Field("id", "_id"),
    "code": Field(),
    "stage": Field(choices=("new", "won")),
    "tags": Field(is_list=True),
    "name": Field("text", is_sortable=True),
    "email": Field("email", "email_keys", is_list=True),
    "count": Field("integer"),
    "amount": Field("decimal", "amount.amount_base", is_sortable=True),
    "is_open": Field("flag"),
    "due_on": Field("date"),
    "created_at": Field("datetime", is_sortable=True),
}
LISTING = Listing(
    fields=FIELDS,
    view_fields=frozenset({"id", "name"}),
    scope="a\nb",
    orders=[("name", "amount")],
)
# A Wednesday, past midnight in Berlin but not in London.
CLOCK = Clock(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
SEAL = CursorSeal(b"key")
ALLOWED_OPERATORS = {
    *("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin"),
    *("$not", "$all", "$regex", "$elemMatch", "$and"),
}
ALLOWED_PATHS = {"grams", *(field.path_of(name) for name, field in FIELDS.items())}


def compiled(**parameters):
    return compile_query(parameters, LISTING, CLOCK, SEAL)


def refusal(parameters):
    with pytest.raises(InvalidInputError) as caught:
        compile_query(parameters, LISTING, CLOCK, SEAL)
    assert caught.value.http_status == 400
    assert caught.value.extra["errors"][0]["field"]
    return caught.value.code


def names_in(conditions):
    """Every key of a query, its values' keys included."""
    if isinstance(conditions, dict):
        for name, inner in conditions.items():
            yield name
            yield from names_in(inner)
    elif isinstance(conditions, list):
        for each in conditions:
            yield from names_in(each)


class TestFilters:
    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("filter[code]", "a", {"code": {"$eq": "a"}}),
            ("filter[code][ne]", "a", {"code": {"$ne": "a"}}),
            ("filter[code][in]", "a,b", {"code": {"$in": ["a", "b"]}}),
            ("filter[code][nin]", "a", {"code": {"$nin": ["a"]}}),
            ("filter[code][exists]", "true", {"code": {"$ne": None}}),
            ("filter[code][exists]", "false", {"code": {"$eq": None}}),
            ("filter[tags][exists]", "false", {"tags": {"$in": [None, []]}}),
            ("filter[tags][exists]", "true", {"tags": {"$nin": [None, []]}}),
            ("filter[name]", "  ÉMILE  B", {"folded.name": {"$eq": "emile b"}}),
            ("filter[name]", "x" * 300, {"folded.name": {"$eq": "x" * 200}}),
            ("filter[name][lt]", "B", {"folded.name": {"$gt": "", "$lt": "b"}}),
            ("filter[name][gte]", "B", {"folded.name": {"$gte": "b"}}),
            ("filter[name][exists]", "true", {"folded.name": {"$gt": ""}}),
            (
                "filter[name][starts_with]",
                "Ém",
                {"folded.name": {"$gte": "em", "$lt": "em\U0010ffff"}},
            ),
            (
                "filter[name][contains]",
                "A.b*",
                {
                    "grams": {"$all": ["name:.b*", "name:a.b"]},
                    "folded.name": {"$regex": r"a\.b\*"},
                },
            ),
            ("filter[email]", "A@B.co", {"email_keys": {"$eq": "a@b.co"}}),
            (
                "filter[email][starts_with]",
                "A",
                {"email_keys": {"$elemMatch": {"$gte": "a", "$lt": "a\U0010ffff"}}},
            ),
            ("filter[count][gte]", "3", {"count": {"$gte": 3}}),
            (
                "filter[amount][lt]",
                "1.5",
                {"amount.amount_base": {"$lt": Decimal128("1.5")}},
            ),
            ("filter[is_open]", "false", {"is_open": {"$eq": False}}),
            ("filter[due_on][gt]", "2026-01-02", {"due_on": {"$gt": "2026-01-02"}}),
            (
                "filter[due_on]",
                "this_month",
                {"due_on": {"$gte": "2026-04-01", "$lt": "2026-05-01"}},
            ),
            (
                "filter[created_at][lte]",
                "2026-01-02T01:00:00+01:00",
                {"created_at": {"$lte": datetime(2026, 1, 2, tzinfo=UTC)}},
            ),
            (
                "filter[created_at][gt]",
                "2026-01-02T01:00:00 01:00",
                {"created_at": {"$gt": datetime(2026, 1, 2, tzinfo=UTC)}},
            ),
        ],
    )
    def test_become_conditions(self, name, text, expected):
        assert compiled(**{name: text}).conditions == expected

    @pytest.mark.parametrize(
        ("operator", "expected"),
        [
            ("eq", {"$gte": 31, "$lt": 1}),
            ("ne", {"$not": {"$gte": 31, "$lt": 1}}),
            ("gt", {"$gte": 1}),
            ("gte", {"$gte": 31}),
            ("lt", {"$lt": 31}),
            ("lte", {"$lt": 1}),
        ],
    )
    def test_take_a_day_as_all_of_it_where_the_organization_is(
        self, operator, expected
    ):
        # The 1st of April there begins two hours earlier in UTC.
        begins = {
            31: datetime(2026, 3, 31, 22, tzinfo=UTC),
            1: datetime(2026, 4, 1, 22, tzinfo=UTC),
        }

        def moments(condition):
            return {
                name: moments(each) if isinstance(each, dict) else begins[each]
                for name, each in condition.items()
            }

        for text in ("today", "2026-04-01"):
            query = compiled(**{f"filter[created_at][{operator}]": text})

            assert query.conditions == {"created_at": moments(expected)}

    def test_of_one_field_add_up(self):
        query = compiled(**{"filter[count][gte]": "1", "filter[count][lt]": "9"})

        assert query.conditions == {"count": {"$gte": 1, "$lt": 9}}

    def test_never_replace_each_other(self):
        query = compiled(
            **{"filter[created_at]": "today", "filter[created_at][gte]": "2026-01-01"}
        )

        bounds = [query.conditions["created_at"]["$gte"]]
        bounds += [each["created_at"]["$gte"] for each in query.conditions["$and"]]
        assert len(set(bounds)) == 2

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({"filter[nope]": "1"}, "invalid_filter"),
            ({"filter[code][like]": "1"}, "invalid_filter"),
            ({"filter[code][contains]": "abc"}, "invalid_filter"),
            ({"filter[code][gt]": "abc"}, "invalid_filter"),
            ({"filter[$where]": "1"}, "unknown_parameter"),
            ({"filter[name][$gt]": "1"}, "unknown_parameter"),
            ({"filter[folded.name]": "1"}, "invalid_filter"),
            ({"filter[name]": "a\0"}, "invalid_filter"),
            ({"filter[name]": "x" * 1_001}, "invalid_filter"),
            ({"filter[name][contains]": "ab"}, "invalid_filter"),
            ({"filter[name][starts_with]": " "}, "invalid_filter"),
            ({"filter[stage]": "lost"}, "invalid_filter"),
            ({"filter[stage][in]": "new,lost"}, "invalid_filter"),
            ({"filter[code][in]": ",".join("a" * 101)}, "invalid_filter"),
            ({"filter[count]": "9" * 30}, "invalid_filter"),
            ({"filter[count]": "1_0"}, "invalid_filter"),
            ({"filter[count]": "٣"}, "invalid_filter"),
            ({"filter[amount]": "NaN"}, "invalid_filter"),
            ({"filter[amount]": "1" * 50}, "invalid_filter"),
            ({"filter[amount]": "0." + "1" * 40}, "invalid_filter"),
            ({"filter[amount]": "1E-7000"}, "invalid_filter"),
            ({"filter[amount]": "1E+9999999"}, "invalid_filter"),
            ({"filter[amount]": "1_000.50"}, "invalid_filter"),
            ({"filter[amount]": " 12 "}, "invalid_filter"),
            ({"filter[amount]": "١٢"}, "invalid_filter"),
            ({"filter[amount]": ".5"}, "invalid_filter"),
            ({"filter[created_at]": "2026-W27-2"}, "invalid_filter"),
            ({"filter[created_at]": "2026-W27-2T10"}, "invalid_filter"),
            ({"filter[created_at]": "20260101T000000Z"}, "invalid_filter"),
            ({"filter[due_on]": "20260101"}, "invalid_filter"),
            ({"filter[is_open]": "yes"}, "invalid_filter"),
            ({"filter[is_open][gt]": "true"}, "invalid_filter"),
            ({"filter[id]": "x"}, "invalid_filter"),
            ({"filter[created_at]": "9999-12-31T23:59:59-14:00"}, "invalid_filter"),
            ({"filter[created_at]": "9999-12-31"}, "invalid_filter"),
            ({"filter[created_at]": "0001-01-01"}, "invalid_filter"),
            ({"filter[created_at]": "last_9999_days"}, "invalid_filter"),
            ({"filter[created_at]": "last_0_days"}, "invalid_filter"),
            ({"filter[created_at][in]": "today"}, "invalid_filter"),
            ({"filter[due_on]": "2026-02-30"}, "invalid_filter"),
            ({"nope": "1"}, "unknown_parameter"),
            ({"sort": "nope"}, "invalid_sort"),
            ({"sort": ""}, "invalid_sort"),
            ({"sort": "count"}, "invalid_sort"),
            ({"sort": "name,-name"}, "invalid_sort"),
            ({"limit": "0"}, "invalid_limit"),
            ({"limit": "201"}, "invalid_limit"),
            ({"limit": "٣"}, "invalid_limit"),
            ({"limit": "9" * 400}, "invalid_limit"),
            ({"limit": "000000001000000"}, "invalid_limit"),
            ({"limit": "000000001" + "0" * 4_500}, "invalid_limit"),
            ({"fields": "nope"}, "invalid_fields"),
            ({"include": "nope"}, "unknown_parameter"),
            ({"cursor": "nope"}, "invalid_cursor"),
            ({"cursor": "A" * 5_000}, "invalid_cursor"),
            ({"cursor": "é"}, "invalid_cursor"),
            ({"cursor": ""}, "invalid_cursor"),
        ],
    )
    def test_that_are_unknown_are_refused(self, parameters, code):
        assert refusal(parameters) == code

    @given(
        name=st.sampled_from([*FIELDS, "nope", "$where", "name.$gt", "folded.name"]),
        operator=st.sampled_from(
            [
                *sorted({o for each in OPERATORS.values() for o in each}),
                *("$gt", "regex", "where"),
            ]
        ),
        text=st.one_of(
            st.text(max_size=30),
            st.sampled_from(['{"$gt": ""}', "$where", "today", "1", "a,b", "true"]),
        ),
    )
    def test_inject_nothing(self, name, operator, text):
        try:
            query = compiled(**{f"filter[{name}][{operator}]": text})
        except InvalidInputError:
            return

        found = set(names_in(query.conditions))
        assert {each for each in found if "$" in each} <= ALLOWED_OPERATORS
        assert {each for each in found if "$" not in each} <= ALLOWED_PATHS


class TestCursors:
    @pytest.mark.parametrize(
        ("sort", "stored", "value"),
        [
            ("name", {"folded": {"name": "a"}}, "a"),
            ("-amount", {}, None),
            (
                "amount",
                {"amount": {"amount_base": Decimal128("1.20")}},
                Decimal128("1.20"),
            ),
            (
                "-created_at",
                {"created_at": datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC)},
                datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC),
            ),
        ],
    )
    def test_find_the_row_again(self, sort, stored, value):
        record_id = new_id()
        first = compiled(sort=sort)
        path = first.sort[0][0]

        cursor = first.cursor_after({"_id": record_id, **stored}, SEAL)
        second = compiled(sort=sort, cursor=cursor)

        last = second.after[-1]["$or"][-1]
        assert last[path] == value
        assert record_id in last["_id"].values()

    def test_tell_an_index_where_to_begin(self):
        cursor = compiled(sort="-name").cursor_after(
            {"_id": new_id(), "folded": {"name": "m"}}, SEAL
        )

        first, _ = compiled(sort="-name", cursor=cursor).after

        assert first == {"folded.name": {"$not": {"$gt": "m"}}}

    def test_of_another_order_or_list_are_refused(self):
        row = {"_id": new_id(), "folded": {"name": "a"}}
        cursor = compiled(sort="name").cursor_after(row, SEAL)
        elsewhere = Listing(fields=FIELDS, view_fields=frozenset(), scope="c\nb")

        assert refusal({"sort": "-name", "cursor": cursor}) == "invalid_cursor"
        other = {"sort": "name", "filter[name]": "Ada", "cursor": cursor}
        assert refusal(other) == "invalid_cursor"
        with pytest.raises(InvalidInputError, match="invalid_cursor"):
            compile_query({"sort": "name", "cursor": cursor}, elsewhere, CLOCK, SEAL)

    def test_that_were_touched_are_refused(self):
        row = {"_id": new_id(), "folded": {"name": "a"}}
        cursor = compiled(sort="name").cursor_after(row, SEAL)
        place = len(cursor) // 2
        touched = (
            cursor[:place]
            + ("A" if cursor[place] != "A" else "B")
            + cursor[place + 1 :]
        )

        assert refusal({"sort": "name", "cursor": touched}) == "invalid_cursor"

    def test_of_another_key_are_refused(self):
        row = {"_id": new_id(), "folded": {"name": "a"}}
        cursor = compiled(sort="name").cursor_after(row, CursorSeal(b"other"))

        assert refusal({"sort": "name", "cursor": cursor}) == "invalid_cursor"


class TestOrders:
    @pytest.mark.parametrize(
        ("sort", "is_indexed"),
        [
            ("name", True),
            ("name,amount", True),
            ("-name,-amount", True),
            ("-created_at,name", False),
            ("name,-amount", False),
            ("amount,name", False),
        ],
    )
    def test_tell_whether_an_index_has_them(self, sort, is_indexed):
        assert compiled(sort=sort).is_indexed == is_indexed


class TestPage:
    def test_says_what_the_interface_promises(self):
        page = Page(
            items=[1], next_cursor=None, fields=("id",), with_count=True, count=10_001
        )

        assert page.view(lambda n: {"id": n, "name": "x"}) == {
            "data": [{"id": 1}],
            "page": {
                "next_cursor": None,
                "has_more": False,
                "count": 10_000,
                "count_capped": True,
            },
        }


def of_one(name, **bounds):
    asked = {f"${operator}": value for operator, value in bounds.items()}
    return {"many": {"$elemMatch": {"k": name, "v": asked}}}


class TestAllOf:
    def test_asks_bounds_of_one_value_together(self):
        asked = all_of([of_one("a", gte=1), of_one("b", lt=5), of_one("a", lt=3)])

        assert asked == {
            **of_one("a", gte=1, lt=3),
            "$and": [of_one("b", lt=5)],
        }

    def test_finds_the_value_among_several(self):
        asked = all_of([of_one("a", gt=1), of_one("b", gt=5), of_one("b", lte=9)])

        assert asked == {**of_one("a", gt=1), "$and": [of_one("b", gt=5, lte=9)]}

    def test_lets_several_elements_have_values_of_their_own(self):
        asked = all_of([of_one("a", eq=1), of_one("a", eq=2), of_one("a", lt=9)])

        assert asked == {
            **of_one("a", eq=1),
            "$and": [of_one("a", eq=2), of_one("a", lt=9)],
        }

    def test_says_nothing_twice(self):
        condition = {"a": {"$eq": 1}}

        assert all_of([condition, condition]) == condition
