"""Taking an operation back: what it did to a record, and the record without it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from chassis.errors import NotFoundError, WireError
from chassis.events import Event, primitive, told
from chassis.mongo import Document
from chassis.rebuilding import patch_between, primitives_of, rebuilt
from chassis.records import Record
from chassis.resources import Records

__all__ = ["Effect", "Undo", "effects_of"]

Entity = TypeVar("Entity", bound=Record)
Outcome = TypeVar("Outcome")

ARCHIVED_AT: Final = "archived_at"


@dataclass(kw_only=True)
class Effect:
    """What one operation did to one record, all of its events together.

    Attributes:
        noun: Which kind of record it is.
        before: The values before the operation, of the fields that it changed.
        after: The values that it left.
        erased: Fields whose values nobody can tell any more.
        is_creation: Whether it made the record.
    """

    record_id: str
    noun: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    is_creation: bool = False

    def add(self, row: Document) -> None:
        """Take the next event in."""
        # A record may have been put there without an event of its making.
        self.is_creation |= row.get("record_version", row["sequence"]) == 1
        for name, change in row["changes"].items():
            if change.get("is_erased"):
                self.erased.add(name)
            self.before.setdefault(name, change["from"])
            self.after[name] = change["to"]


def effects_of(rows: Iterable[Document]) -> list[Effect]:
    """What was done to each record, from an operation's events in their order."""
    effects: dict[str, Effect] = {}
    for row in rows:
        record_id = row["aggregate"]["id"]
        noun = row["aggregate"]["type"]
        effect = effects.setdefault(record_id, Effect(record_id=record_id, noun=noun))
        effect.add(row)
    return list(effects.values())


class Undo(Generic[Entity]):
    """Takes back what an operation did to records of one kind.

    A field is put back if it still has the value that the operation left, and
    left alone if somebody has changed it since. What a record refuses is left
    alone as well, if the others can do without it.
    """

    def __init__(self, records: Records[Entity], effects: Sequence[Effect]) -> None:
        self._records = records
        self._effects = {each.record_id: each for each in effects}
        self._refused: dict[str, dict[str, WireError]] = {}

    def change(self, record: Entity) -> Entity:
        """The record without what the operation did.

        Raises:
            NotFoundError: ``<noun>_not_found``: it has been archived since.
            WireError: What a change of the fields raises.
        """
        effect, kind = self._effects[record.id], self._records.kind
        untouchable = effect.erased.union(self._refused.get(record.id, ()))
        now = self._records.now()
        current = _told(record)
        if effect.is_creation:
            is_gone = record.archived_at is not None or _touched(effect, current)
            return record if is_gone else kind.archive(record, now)
        wanted = {
            name: value
            for name, value in effect.before.items()
            if name not in untouchable and current.get(name) == effect.after[name]
        }
        is_turned = ARCHIVED_AT in wanted
        if record.archived_at is not None and not is_turned:
            noun = self._records.repository.noun
            raise NotFoundError(f"{noun}_not_found", "It has been archived since.")
        changed = self._put_back(record, wanted)
        if not is_turned:
            return changed
        turn = kind.restore if wanted[ARCHIVED_AT] is None else kind.archive
        return turn(changed, now)

    def _put_back(self, record: Entity, values: Mapping[str, Any]) -> Entity:
        current = primitives_of(record)
        wanted = primitives_of(rebuilt(record, values))
        known = self._records.kind.update_input.fields.keys()
        patch = {
            name: patch_between(current[name], wanted[name])
            for name in known & current.keys()
            if current[name] != wanted[name]
        }
        if not patch:
            return record
        return self._records.changed(record, patch, is_back=True)

    def can_do_without(self, record_id: str, outcome: object) -> bool:
        """Leave alone, from now on, the fields that a record refused by name.

        Returns:
            Whether there are any more than before, so that the others may do.
        """
        if not isinstance(outcome, WireError):
            return False
        refused = self._refused.setdefault(record_id, {})
        named = [each["field"] for each in outcome.extra.get("errors", ())]
        more = {
            name: outcome
            for name in self._effects[record_id].before.keys() - refused.keys()
            if any(_is_part(name, of=each) or _is_part(each, of=name) for each in named)
        }
        refused |= more
        return bool(more)

    def judged(self, record_id: str, outcome: Outcome) -> Outcome | WireError:
        """The outcome, or the refusal where nothing was left to be put back."""
        refusal = self.refusal(record_id)
        is_changed = getattr(outcome, "is_changed", True)
        return outcome if is_changed or refusal is None else refusal

    def refusal(self, record_id: str) -> WireError | None:
        """Why the first field was left alone that a record refused, if one was."""
        return next(iter(self._refused.get(record_id, {}).values()), None)

    def describe(self, before: Entity, after: Entity) -> Event:
        """The event of the change back."""
        kind = self._records.kind
        if (before.archived_at is None) == (after.archived_at is None):
            return kind.updated(before, after)
        return (kind.restored if after.archived_at is None else kind.archived)(
            before, after
        )

    def conflicts(self, record: Entity) -> dict[str, dict[str, Any]]:
        """Where a record, behind the undoing, is still not what it was.

        Returns:
            ``{field: {"original", "changed_to", "current"}}``.
        """
        effect = self._effects[record.id]
        current = _told(record)
        if effect.is_creation:
            names = [] if record.archived_at else _touched(effect, current)
        else:
            names = [
                name
                for name, value in effect.before.items()
                if current.get(name) != value and self._is_changeable(name)
            ]
        return {
            name: {
                "original": effect.before.get(name),
                "changed_to": effect.after.get(name),
                "current": current.get(name),
            }
            for name in names
        }

    def _is_changeable(self, name: str) -> bool:
        known = self._records.kind.update_input.fields
        return name == ARCHIVED_AT or name.partition(".")[0] in known


def _told(record: Any) -> dict[str, Any]:
    return {name: primitive(value) for name, value in told(record).items()}


def _is_part(name: str, *, of: str) -> bool:
    return name == of or name.startswith(f"{of}.")


def _touched(effect: Effect, current: Mapping[str, Any]) -> list[str]:
    """What of a record that was made is no longer as it was made."""
    return [name for name in current if current[name] != effect.after.get(name)]
