import dataclasses
from datetime import UTC, datetime

import pytest

from chassis.errors import InvalidInputError
from chassis.ids import new_id
from svc_customer.domain.definitions import Member, leaves
from svc_customer.domain.segments import (
    check_definition,
    expanded,
    is_used,
    new_segment,
    referring,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LEAF = {"field": "source", "value": "web"}


def segment(definition=LEAF, kind="dynamic", **values):
    data = {"resource": "contacts", "name": "S", "kind": kind, **values}
    return new_segment(new_id(), {**data, "definition": definition}, None, NOW)


def named(*others):
    return {"any": [{"segment": each.id} for each in others]}


def by_id(*segments):
    return {each.id: each for each in segments}


class TestSegment:
    def test_is_built_anew_for_another_definition_only(self):
        before = segment()
        named_anew = before.changed({"name": "T"}, NOW)
        defined_anew = before.changed({"definition": {"not": LEAF}}, NOW)

        assert (before.build, named_anew.build, defined_anew.build) == (1, 1, 2)

    def test_shows_the_members_of_its_last_complete_build(self):
        first = segment().completed(1, NOW)
        second = first.changed({"definition": {"not": LEAF}}, NOW)

        assert (first.status, second.status) == ("ready", "building")
        assert second.key == first.key == first.key_of(1)
        assert second.completed(2, NOW).key == first.key_of(2) > first.key_of(1)

    def test_says_why_the_build_that_it_waits_for_failed(self):
        error = {"code": "job_failed", "message": "It failed."}
        failed = dataclasses.replace(segment(), failed_build=1, failure=error)
        again = failed.rebuilt(NOW)

        assert (failed.status, failed.error) == ("failed", error)
        assert (again.status, again.error) == ("building", None)

    def test_has_no_conditions_where_they_can_be_read_no_longer(self):
        broken = segment({"interactions": "call", "amount": {"gte": "0.12345"}})
        inner = segment()
        outer = segment(named(inner))

        assert (broken.conditions, segment(None, kind="manual").conditions) == ([], [])
        assert referring(inner.id, [broken, inner, outer]) == [outer]

    def test_without_a_definition_is_always_ready(self):
        manual = segment(None, kind="manual")

        assert (manual.status, manual.key) == ("ready", manual.key_of(1))


class TestExpanded:
    def test_puts_dynamic_definitions_in_their_place(self):
        inner, manual = segment(), segment(None, kind="manual")
        outer = segment(named(inner, manual))
        found = list(leaves(expanded(outer, by_id(inner, manual))))

        assert [type(each) is Member for each in found] == [False, True]

    @pytest.mark.parametrize("other", [{"resource": "accounts"}, {}])
    def test_refuses_what_is_not_there(self, other):
        inner = segment(**other)
        known = by_id(inner) if other else {}

        with pytest.raises(InvalidInputError, match="reference_not_found") as error:
            expanded(segment(named(inner)), known)
        (named_field,) = error.value.extra["errors"]
        assert named_field["field"] == "definition.any.0.segment"

    def test_is_bounded_however_segments_are_stacked(self):
        wide = segment({"any": [LEAF] * 30})
        wider = segment(named(wide, wide, wide, wide))
        chain = [segment()]
        for _ in range(6):
            chain.append(segment(named(chain[-1])))

        for each, others in ((wider, [wide]), (chain[-1], chain)):
            with pytest.raises(InvalidInputError, match="definition_too_large"):
                expanded(each, by_id(*others))


class TestCheckDefinition:
    def test_refuses_circles_of_any_length(self):
        first = segment()
        second = segment(named(first))
        third = segment(named(second))
        closing = first.changed({"definition": named(third)}, NOW)

        for each in (closing, first.changed({"definition": named(first)}, NOW)):
            with pytest.raises(InvalidInputError, match="segment_cycle"):
                check_definition(each, by_id(first, second, third))

    def test_judges_those_that_name_it_too(self):
        inner = segment()
        outer = segment(named(inner, inner, inner, inner))
        wide = inner.changed({"definition": {"any": [LEAF] * 30}}, NOW)

        with pytest.raises(InvalidInputError, match="definition_too_large"):
            check_definition(wide, by_id(inner, outer))


class TestReferring:
    def test_finds_them_through_others(self):
        first = segment()
        second = segment(named(first))
        third = segment(named(second))
        snapshot = segment(named(first), kind="snapshot")
        everybody = [first, second, third, snapshot]

        assert {each.id for each in referring(first.id, everybody)} == {
            second.id,
            third.id,
        }
        assert is_used(first.id, [snapshot])
        assert not is_used(third.id, everybody)
