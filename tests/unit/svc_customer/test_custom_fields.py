from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import ConflictError, InvalidInputError
from svc_customer.domain.custom_fields import (
    change_custom_field,
    check_room,
    new_custom_field,
    with_index,
    without_index,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ERROR = {"code": "job_failed", "message": "It failed."}


def field(**terms):
    data = {"resource": "contacts", "key": "tier", "type": "text", **terms}
    return new_custom_field("f", data, None, NOW)


class TestNewCustomField:
    def test_has_an_index_at_once(self):
        assert field(indexed=True).index_status == "ready"

    def test_has_none_that_nobody_wants(self):
        assert field().index_status is None


class TestChangeCustomField:
    def test_retires_options_that_are_left_out(self):
        before = field(type="select", options=("a", "b"))
        after = change_custom_field(before, {"options": ("b", "c")}, LATER)

        assert (after.options, after.retired_options) == (("b", "c"), ("a",))

    def test_brings_retired_options_back(self):
        before = field(type="select", options=("a",), retired_options=("b",))
        after = change_custom_field(before, {"options": ("a", "b")}, LATER)

        assert after.retired_options == ()

    def test_gives_options_to_selects_only(self):
        with pytest.raises(InvalidInputError):
            change_custom_field(field(), {"options": ("a",)}, LATER)

    def test_does_not_retire_options_without_end(self):
        before = field(
            type="select",
            options=("a",),
            retired_options=tuple(f"o{n}" for n in range(500)),
        )

        with pytest.raises(InvalidInputError):
            change_custom_field(before, {"options": ("b",)}, LATER)

    def test_builds_an_index_that_is_new(self):
        after = change_custom_field(field(), {"indexed": True}, LATER)

        assert after.index_status == "building"
        assert with_index(after, 1, LATER).index_status == "ready"

    def test_builds_an_index_once_more_that_could_not_be_built(self):
        wanted = {"indexed": True}
        building = change_custom_field(field(), wanted, LATER)
        failed = without_index(building, 1, ERROR, LATER)
        again = change_custom_field(failed, wanted, LATER)

        assert change_custom_field(building, wanted, LATER) is building
        assert (failed.index_status, failed.index_error) == ("failed", ERROR)
        assert (again.index_status, again.index_error) == ("building", None)
        assert with_index(again, 1, LATER) is again
        assert without_index(again, 1, ERROR, LATER) is again
        assert with_index(again, 2, LATER).index_status == "ready"

    def test_leaves_an_index_that_is_there(self):
        before = field(indexed=True)

        assert change_custom_field(before, {"indexed": True}, LATER) is before

    def test_needs_no_index_any_more(self):
        after = change_custom_field(field(indexed=True), {"indexed": False}, LATER)

        assert after.index_status is None
        assert with_index(after, 1, LATER) is after
        assert without_index(after, 1, ERROR, LATER) is after


class TestCheckRoom:
    @pytest.mark.parametrize(
        ("count", "terms"),
        [(100, {}), (30, {"indexed": True}), (500, {"archived_at": NOW})],
    )
    def test_is_refused_behind_the_last(self, count, terms):
        wanted, other = field(indexed=True), field()
        others = [replace(other, **terms) for _ in range(count)]
        check_room(wanted, others[1:])

        with pytest.raises(ConflictError, match="too_many_custom_fields"):
            check_room(wanted, others)
