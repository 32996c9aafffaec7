from datetime import UTC, datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from marshmallow import Schema, fields, post_dump

from chassis.schemas import Id, Moment, Text
from chassis.views import bare, dumper, without
from evaluation.data.customers import organizations
from svc_customer.schemas.accounts import AccountView
from svc_customer.schemas.contacts import ContactView


class Stage(StrEnum):
    NEW = "new"


class PartView(Schema):
    name = fields.String(allow_none=True)
    count = fields.Integer()


class EveryView(Schema):
    id = Id()
    label = Text(allow_none=True)
    stage = fields.String()
    is_on = fields.Boolean()
    at = Moment(allow_none=True)
    tags = fields.List(fields.String(allow_none=True))
    times = fields.List(Moment())
    part = fields.Nested(PartView)
    parts = fields.List(fields.Nested(PartView))
    several = fields.Nested(PartView, many=True)
    extra = fields.Dict()
    prices = fields.Dict(keys=fields.String(), values=fields.Decimal(as_string=True))
    elsewhere = fields.String(attribute="part.name", dump_default=None)
    renamed = fields.String(data_key="another")
    made = fields.Function(lambda record: f"made of {record.label}")
    secret = fields.String(load_only=True)
    absent = fields.String()


def every(**changes: Any) -> SimpleNamespace:
    values = {
        "id": "0176bb3e-7000-79d9-a441-f0ba6e4b14a2",
        "label": "x",
        "stage": Stage.NEW,
        "is_on": True,
        "at": datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC),
        "tags": ("a", None),
        "times": (datetime(2026, 1, 1, tzinfo=UTC),),
        "part": SimpleNamespace(name="one", count=1),
        "parts": ({"name": None, "count": 2}, {"name": "three"}),
        "several": [{"name": "many", "count": 0}],
        "extra": {"deep": {"er": 1}},
        "prices": {"usd": 1.5},
        "renamed": "r",
        "secret": "s",
    }
    return SimpleNamespace(**{**values, **changes})


class TestDumper:
    @pytest.mark.parametrize("name", [None, "label", "at", "tags", "part", "extra"])
    def test_shows_what_marshmallow_shows(self, name):
        record = every() if name is None else every(**{name: None})
        shown = dumper(EveryView())(record)

        assert shown == EveryView().dump(record)
        assert list(shown) == list(EveryView().dump(record))
        assert "absent" not in shown

    def test_reads_mappings(self):
        part = {"name": "one", "count": 1, "other": 2}

        assert dumper(PartView())(part) == PartView().dump(part)

    def test_leaves_hooks_to_marshmallow(self):
        class Hooked(PartView):
            @post_dump
            def _add(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
                return {**data, "added": True}

        assert dumper(Hooked())({"name": "one"})["added"] is True

    def test_shows_customers_as_marshmallow_does(self):
        organization = organizations(300)[0]
        for view, records in (
            (ContactView(), organization.contacts(0, 300)),
            (AccountView(), organization.accounts(0, 30)),
        ):
            show = dumper(view)
            for record in records:
                assert show(record) == view.dump(record)


class TestWithout:
    def test_leaves_an_answer_as_it_is_if_there_is_nothing_to_leave_out(self):
        answer = {"id": "1", "phone": "2"}

        assert without(answer, frozenset()) is answer

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({"id": "1", "phone": "2"}, {"id": "1"}),
            ({"extra": {"phone": "2"}}, {"extra": {"phone": "2"}}),
            ({"phone.type": {"from": 1, "to": 2}}, {}),
            (
                {"data": [{"id": "1", "phone": "2"}], "page": {}},
                {"data": [{"id": "1"}], "page": {}},
            ),
            (
                {"results": [{"status": 200, "data": {"id": "1", "phone": "2"}}]},
                {"results": [{"status": 200, "data": {"id": "1"}}]},
            ),
            (None, None),
        ],
    )
    def test_leaves_fields_out_wherever_records_are_shown(self, answer, expected):
        assert without(answer, {"phone"}) == expected


BARE = {"id": "1", "version": 2, "created_at": "a", "updated_at": "b"}


class TestBare:
    def test_is_which_record_it_is_and_at_which_version(self):
        assert bare({**BARE, "name": "x"}) == BARE

    def test_is_that_of_each_row_of_a_batch(self):
        row = {"op": "update", "status": 200, "id": "1", "version": 2}
        refused = {"op": "update", "status": 404, "error": {"code": "x"}}
        answer = {
            "results": [{**row, "data": {**BARE, "name": "x"}}, refused],
            "summary": {"succeeded": 1, "failed": 1},
        }
        results = [{**row, "data": BARE}, refused]

        assert bare(answer) == {**answer, "results": results}

    @pytest.mark.parametrize("answer", [None, {"account_id": "1"}, {"changed": 3}])
    def test_leaves_what_is_no_record(self, answer):
        assert bare(answer) == answer
