import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from marshmallow import fields

from chassis.bulk import _whole
from chassis.errors import InvalidInputError, NotFoundError, invalid_field
from chassis.events import changes_between
from chassis.schemas import Input
from chassis.undoing import Undo, effects_of

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Thing:
    id: str = "a"
    title: str | None = None
    tags: tuple[str, ...] = ()
    archived_at: datetime | None = None


class ThingInput(Input):
    title = fields.String(allow_none=True)
    tags = fields.List(fields.String())


KIND = SimpleNamespace(
    update_input=ThingInput(),
    archive=lambda thing, now: dataclasses.replace(thing, archived_at=now),
    restore=lambda thing, _: dataclasses.replace(thing, archived_at=None),
    created="created",
    updated=lambda *_: "updated",
    archived=lambda *_: "archived",
    restored=lambda *_: "restored",
)
REFUSAL = invalid_field("invalid_input", "Not any more.", field="tags.0")


def put_back(thing, patch, *, is_back):
    """Refuses the tag ``gone``."""
    assert is_back
    if "gone" in patch.get("tags", ()):
        raise REFUSAL
    values = {name: tuple(v) if name == "tags" else v for name, v in patch.items()}
    return dataclasses.replace(thing, **values)


RECORDS = SimpleNamespace(
    kind=KIND,
    repository=SimpleNamespace(noun="thing"),
    now=lambda: NOW,
    changed=put_back,
)


def row(before, after, sequence=2, record_id="a", **changes):
    return {
        "aggregate": {"type": "thing", "id": record_id},
        "sequence": sequence,
        "changes": changes or changes_between(before, after),
    }


def undo(*rows):
    return Undo(RECORDS, effects_of(rows))


CLERK = Thing(title="Clerk", tags=("a",))
BOSS = Thing(title="Boss", tags=("b",))
QUEEN = Thing(title="Queen", tags=("b",))


class TestUndo:
    def test_puts_back_what_is_still_as_it_was_left(self):
        undoing = undo(row(CLERK, BOSS))

        assert undoing.change(BOSS) == CLERK
        assert undoing.conflicts(CLERK) == {}

    def test_leaves_alone_what_was_changed_since(self):
        undoing = undo(row(CLERK, BOSS))
        after = undoing.change(QUEEN)

        assert after == Thing(title="Queen", tags=("a",))
        assert undoing.conflicts(after) == {
            "title": {"original": "Clerk", "changed_to": "Boss", "current": "Queen"}
        }

    def test_takes_several_events_of_a_record_as_one(self):
        undoing = undo(row(CLERK, BOSS), row(BOSS, QUEEN, 3))

        assert undoing.change(QUEEN) == CLERK

    def test_has_nothing_to_do_twice(self):
        undoing = undo(row(CLERK, BOSS))

        assert undoing.change(CLERK) is CLERK
        assert undoing.conflicts(CLERK) == {}

    def test_archives_what_was_made(self):
        after = undo(row(None, CLERK, 1)).change(CLERK)

        assert after.archived_at == NOW

    def test_puts_back_what_was_there_without_an_event_of_its_making(self):
        first = {**row(CLERK, BOSS, 1), "record_version": 2}

        assert undo(first).change(BOSS) == CLERK

    @pytest.mark.parametrize("record", [BOSS, dataclasses.replace(CLERK, title=None)])
    def test_leaves_alone_what_was_made_and_somebody_touched(self, record):
        undoing = undo(row(None, CLERK, 1))

        assert undoing.change(record) is record
        assert "title" in undoing.conflicts(record)

    def test_takes_a_field_that_was_filled_since_for_touched(self):
        bare = Thing(tags=("a",))
        undoing = undo(row(None, bare, 1))
        filled = dataclasses.replace(bare, title="Clerk")

        assert undoing.change(filled) is filled
        assert undoing.conflicts(filled)["title"] == {
            "original": None,
            "changed_to": None,
            "current": "Clerk",
        }

    def test_restores_and_puts_back_in_one_change(self):
        gone = dataclasses.replace(BOSS, archived_at=NOW)
        undoing = undo(row(CLERK, BOSS), row(BOSS, gone, 3))

        assert undoing.change(gone) == CLERK
        assert undoing.describe(gone, CLERK) == "restored"

    def test_archives_again_what_was_restored(self):
        gone = dataclasses.replace(CLERK, archived_at=NOW)
        undoing = undo(row(gone, CLERK))

        assert undoing.change(CLERK).archived_at == NOW
        assert undoing.describe(CLERK, gone) == "archived"

    def test_refuses_what_somebody_archived_since(self):
        gone = dataclasses.replace(BOSS, archived_at=NOW)

        with pytest.raises(NotFoundError):
            undo(row(CLERK, BOSS)).change(gone)

    def test_cannot_bring_back_what_was_erased(self):
        erased = {"from": None, "to": None, "is_erased": True}
        changes = {"title": erased, "tags": {"from": ["a"], "to": ["b"]}}
        undoing = undo(row(None, None, 2, **changes))
        after = undoing.change(BOSS)

        assert after == Thing(title="Boss", tags=("a",))
        assert undoing.conflicts(after).keys() == {"title"}


class TestRefused:
    """What a record does not take back by the rules of now."""

    BEFORE = Thing(title="Clerk", tags=("gone",))

    def test_is_left_alone_while_the_others_are_put_back(self):
        undoing = undo(row(self.BEFORE, BOSS))
        with pytest.raises(InvalidInputError) as refusal:
            undoing.change(BOSS)
        assert undoing.can_do_without("a", refusal.value)
        after = undoing.change(BOSS)

        assert after == Thing(title="Clerk", tags=("b",))
        assert undoing.conflicts(after).keys() == {"tags"}
        assert undoing.refusal("a") is refusal.value

    @pytest.mark.parametrize(("is_changed", "expected"), [(True, 0), (False, 1)])
    def test_is_what_became_of_a_record_without_other_fields(
        self, is_changed, expected
    ):
        undoing = undo(row(self.BEFORE, BOSS))
        undoing.can_do_without("a", REFUSAL)
        outcome = SimpleNamespace(is_changed=is_changed)

        assert undoing.judged("a", outcome) is (outcome, REFUSAL)[expected]

    def test_is_the_end_if_it_was_left_alone_before(self):
        undoing = undo(row(self.BEFORE, BOSS))

        assert [undoing.can_do_without("a", REFUSAL) for _ in range(2)] == [True, False]

    @pytest.mark.parametrize(
        ("changed", "named"),
        [("custom.a", "custom.a"), ("custom.a", "custom"), ("tags", "tags.0.x")],
    )
    def test_is_known_by_its_name_or_a_part(self, changed, named):
        changes = {changed: {"from": 1, "to": 2}, "tag": {"from": 1, "to": 2}}
        undoing = undo(row(None, None, **changes))
        refusal = invalid_field("invalid_input", "No.", field=named)

        assert undoing.can_do_without("a", refusal)
        assert undoing.refusal("a") is refusal

    @pytest.mark.parametrize(
        "outcome",
        [
            "changed",
            NotFoundError("thing_not_found", "Gone."),
            invalid_field("invalid_input", "No.", field="name"),
        ],
    )
    def test_is_nothing_that_has_no_name(self, outcome):
        undoing = undo(row(self.BEFORE, BOSS))

        assert not undoing.can_do_without("a", outcome)
        assert undoing.refusal("a") is None


class TestWhole:
    def rows(self, *counts):
        return [
            {"aggregate": {"id": f"{place:03}"}}
            for place, events in enumerate(counts)
            for _ in range(events)
        ]

    def test_has_all_of_a_record_or_nothing(self):
        found = _whole(self.rows(80, 80, 40), limit=200)

        assert {each["aggregate"]["id"] for each in found} == {"000", "001"}

    def test_has_all_where_nothing_is_cut_off(self):
        rows = self.rows(3, 1)

        assert _whole(rows, limit=200) == rows

    def test_has_nothing_where_one_record_has_more(self):
        assert _whole(self.rows(200), limit=200) == []
