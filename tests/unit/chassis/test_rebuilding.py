from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from chassis.events import changes_between
from chassis.merge_patch import merge
from chassis.money import Money
from chassis.rebuilding import patch_between, primitives_of, rebuilt


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    name: str
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Thing:
    id: str = "a"
    name: str | None = None
    parts: tuple[Part, ...] = ()
    tags: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    main: Part | None = None
    price: Money | None = None
    share: Decimal | None = None
    color: Color = Color.RED
    made_at: datetime | None = None
    made_on: date | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    by_key: dict[str, Any] = field(default_factory=dict, metadata={"history": "by_key"})
    version: int = 1


FULL = Thing(
    name="one",
    parts=(Part("x"), Part("y", 2)),
    tags=("t",),
    names=frozenset({"n"}),
    main=Part("z"),
    price=Money(Decimal("12.50"), "EUR"),
    share=Decimal("0.5"),
    color=Color.BLUE,
    made_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    made_on=date(2026, 1, 31),
    extra={"a": {"b": [1, None]}},
    by_key={"region": "north", "size": 4},
)


class TestRebuilt:
    @pytest.mark.parametrize(("old", "new"), [(Thing(), FULL), (FULL, Thing())])
    def test_takes_a_change_back_exactly(self, old, new):
        changes = changes_between(old, new)
        values = {name: change["from"] for name, change in changes.items()}

        assert rebuilt(new, values) == old

    def test_leaves_other_members_of_an_object_alone(self):
        found = rebuilt(FULL, {"by_key.region": "south", "by_key.size": None})

        assert found.by_key == {"region": "south"}
        assert FULL.by_key == {"region": "north", "size": 4}

    def test_knows_no_field_that_the_class_has_not(self):
        assert rebuilt(FULL, {"gone": 1, "gone.too": 2}) == FULL

    def test_takes_parts_that_had_fields_of_another_time(self):
        found = rebuilt(Thing(), {"parts": [{"name": "x", "gone": True}]})

        assert found.parts == (Part("x"),)

    def test_has_nothing_where_a_list_was_not_there_yet(self):
        assert rebuilt(FULL, {"tags": None, "names": None}).tags == ()


class TestPatchBetween:
    @pytest.mark.parametrize(
        ("current", "wanted"),
        [
            ({"a": 1}, {"a": 2}),
            ({"a": 1, "b": 2}, {"b": 2}),
            ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}),
            ({"a": {"b": 1}}, {"a": [1]}),
            ({}, {"a": {"b": {"c": 1}}}),
        ],
    )
    def test_makes_what_is_wanted_when_it_is_merged(self, current, wanted):
        assert merge(current, patch_between(current, wanted)) == wanted

    def test_says_nothing_of_what_is_the_same(self):
        assert patch_between({"a": 1, "b": {"c": 1}}, {"a": 1, "b": {"c": 1}}) == {}


def test_primitives_of_a_record_are_those_of_its_history():
    changes = changes_between(Thing(), FULL)
    told = {name: change["to"] for name, change in changes.items() if "." not in name}
    primitives = primitives_of(FULL)

    assert {name: primitives[name] for name in told} == told
