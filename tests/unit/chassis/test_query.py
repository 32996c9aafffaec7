from datetime import UTC, datetime

import pytest
from bson import Decimal128

from chassis.errors import InvalidInputError
from chassis.ids import new_id
from chassis.query import Field, Page, compile_query

FIELDS = {
    "id": Field("id", "_id"),
    "name": Field(is_sortable=True),
    "email": Field("email", "email_key"),
    "count": Field("integer"),
    "amount": Field("decimal", "amount.amount_base", is_sortable=True),
    "is_open": Field("flag"),
    "due_on": Field("date"),
    "created_at": Field("datetime", is_sortable=True),
}
VIEW = frozenset({"id", "name"})


def compiled(**parameters):
    return compile_query(parameters, FIELDS, VIEW)


def refusal(parameters):
    with pytest.raises(InvalidInputError) as caught:
        compile_query(parameters, FIELDS, VIEW)
    assert caught.value.http_status == 400
    return caught.value.code


class TestFilters:
    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("filter[name]", "a", {"name": {"$eq": "a"}}),
            ("filter[name][in]", "a,b", {"name": {"$in": ["a", "b"]}}),
            ("filter[name][nin]", "a", {"name": {"$nin": ["a"]}}),
            ("filter[name][exists]", "true", {"name": {"$ne": None}}),
            ("filter[name][exists]", "false", {"name": {"$eq": None}}),
            ("filter[email]", "A@B.co", {"email_key": {"$eq": "a@b.co"}}),
            ("filter[count][gte]", "3", {"count": {"$gte": 3}}),
            (
                "filter[amount][lt]",
                "1.5",
                {"amount.amount_base": {"$lt": Decimal128("1.5")}},
            ),
            ("filter[is_open]", "false", {"is_open": {"$eq": False}}),
            ("filter[due_on][gt]", "2026-01-02", {"due_on": {"$gt": "2026-01-02"}}),
            (
                "filter[created_at][lte]",
                "2026-01-02T01:00:00+01:00",
                {"created_at": {"$lte": datetime(2026, 1, 2, tzinfo=UTC)}},
            ),
        ],
    )
    def test_become_conditions(self, name, text, expected):
        assert compiled(**{name: text}).conditions == expected

    def test_of_one_field_add_up(self):
        query = compiled(**{"filter[count][gte]": "1", "filter[count][lt]": "9"})

        assert query.conditions == {"count": {"$gte": 1, "$lt": 9}}

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({"filter[nope]": "1"}, "invalid_filter"),
            ({"filter[name][like]": "1"}, "invalid_filter"),
            ({"filter[$where]": "1"}, "unknown_parameter"),
            ({"filter[name][$gt]": "1"}, "unknown_parameter"),
            ({"filter[name]": "a\0"}, "invalid_filter"),
            ({"filter[name]": "x" * 1_001}, "invalid_filter"),
            ({"filter[name][in]": ",".join("a" * 101)}, "invalid_filter"),
            ({"filter[count]": "9" * 30}, "invalid_filter"),
            ({"filter[amount]": "NaN"}, "invalid_filter"),
            ({"filter[amount]": "1" * 50}, "invalid_filter"),
            ({"filter[is_open]": "yes"}, "invalid_filter"),
            ({"filter[is_open][gt]": "true"}, "invalid_filter"),
            ({"filter[id]": "x"}, "invalid_filter"),
            ({"filter[created_at]": "9999-12-31T23:59:59-14:00"}, "invalid_filter"),
            ({"nope": "1"}, "unknown_parameter"),
            ({"sort": "nope"}, "invalid_sort"),
            ({"sort": ""}, "invalid_sort"),
            ({"sort": "count"}, "invalid_sort"),
            ({"sort": "name,-name"}, "invalid_sort"),
            ({"limit": "0"}, "invalid_limit"),
            ({"limit": "201"}, "invalid_limit"),
            ({"limit": "٣"}, "invalid_limit"),
            ({"limit": "9" * 400}, "invalid_limit"),
            ({"fields": "nope"}, "invalid_fields"),
            ({"include": "nope"}, "unknown_parameter"),
            ({"cursor": "nope"}, "invalid_cursor"),
            ({"cursor": "A" * 3_000}, "invalid_cursor"),
            ({"cursor": "é"}, "invalid_cursor"),
        ],
    )
    def test_that_are_unknown_are_refused(self, parameters, code):
        assert refusal(parameters) == code


class TestCursors:
    @pytest.mark.parametrize(
        ("sort", "value"),
        [
            ("name", "a"),
            ("-name", None),
            ("-created_at", datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC)),
        ],
    )
    def test_find_the_row_again(self, sort, value):
        field, record_id = sort.removeprefix("-"), new_id()
        first = compiled(sort=sort)

        cursor = first.cursor_after({"_id": record_id, field: value})
        second = compiled(sort=sort, cursor=cursor)

        last = second.after["$or"][-1]
        assert last[field] == value
        assert record_id in last["_id"].values()

    def test_of_another_order_are_refused(self):
        cursor = compiled(sort="name").cursor_after({"_id": new_id(), "name": "a"})

        assert refusal({"sort": "-name", "cursor": cursor}) == "invalid_cursor"


class TestPage:
    def test_says_what_the_interface_promises(self):
        page = Page(items=[1], next_cursor=None, fields=("id",), count=10_001)

        assert page.view(lambda n: {"id": n, "name": "x"}) == {
            "data": [{"id": 1}],
            "page": {
                "next_cursor": None,
                "has_more": False,
                "count": 10_000,
                "count_capped": True,
            },
        }
