"""Segments: named sets of accounts or contacts.

A manual one has the members that people give it, a dynamic one those that its
definition fits at any time, a snapshot those that it fitted when it was built.
Each build has a number and a key of its own in the members' records, so that a
build under way shows nothing, and one that was overtaken is nobody's.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from chassis.errors import FieldError, InvalidInputError, invalid_input
from svc_customer.domain.definitions import (
    Leaf,
    Member,
    Node,
    leaves,
    read_definition,
    replaced,
)
from svc_customer.domain.interactions import INTERACTION_TYPES
from svc_customer.domain.records import OwnedRecord

__all__ = [
    "KINDS",
    "MOST_SEGMENTS",
    "RESOURCES",
    "STATUSES",
    "Segment",
    "check_definition",
    "expanded",
    "is_used",
    "new_segment",
    "referring",
]

KINDS: Final = ("manual", "dynamic", "snapshot")
RESOURCES: Final = ("accounts", "contacts")
STATUSES: Final = ("ready", "building", "failed")
MOST_SEGMENTS: Final = 100
_MOST_EXPANDED: Final = 100
_LONGEST_TRAIL: Final = 5
# Whoever evaluates segments keeps these.
_EVALUATED: Final = {"history": "derived", "kept_elsewhere": True}
# How its members are being found; a change of its own does not clash with that.
_BUILDS: Final = {"history": "derived"}

Status = Literal["ready", "building", "failed"]


@dataclass(frozen=True, kw_only=True)
class Segment(OwnedRecord):
    """A named set of records.

    Attributes:
        time_zone: In which its relative dates are meant: the organization's
            when the definition was last changed; so for the first weekday.
        build: The number of its latest build; another definition is another.
        built: The number of the latest one that is complete.
        settled: The number of the latest one of which it was told who came by it
            and who went.
        failed_build: The number of one that could not be completed, or not told.
        failure: ``{"code", "message"}`` of why.
        restored_at: When it was last brought back.
        size: How many live members it had at ``evaluated_at``.
    """

    resource: str
    kind: str
    name: str
    description: str | None = None
    definition: Mapping[str, Any] | None = None
    time_zone: str = "UTC"
    first_weekday: int = 1
    build: int = field(default=1, metadata=_BUILDS)
    built: int = field(default=0, metadata=_BUILDS)
    settled: int = field(default=0, metadata=_EVALUATED)
    failed_build: int = field(default=0, metadata=_EVALUATED)
    failure: Mapping[str, str] | None = field(default=None, metadata=_EVALUATED)
    restored_at: datetime | None = field(default=None, metadata={"history": "derived"})
    size: int | None = field(default=None, metadata=_EVALUATED)
    evaluated_at: datetime | None = field(default=None, metadata=_EVALUATED)

    @property
    def is_manual(self) -> bool:
        """Whether people say who is in it."""
        return self.kind == "manual"

    @property
    def status(self) -> Status:
        """Whether its members are those of its definition by now."""
        if self.failed_build == self.build:
            return "failed"
        is_ready = self.is_manual or self.built == self.build
        return "ready" if is_ready else "building"

    @property
    def error(self) -> Mapping[str, str] | None:
        """Why its members are not those of its definition, if they cannot be."""
        return self.failure if self.status == "failed" else None

    @property
    def key(self) -> str:
        """What members have in their record: those that are shown."""
        return self.key_of(1 if self.is_manual else self.built)

    @property
    def stage(self) -> tuple[int, int, int]:
        """How far its builds have come."""
        return self.build, self.built, self.settled

    @property
    def made_at(self) -> datetime:
        """Since when there is something that records can come into."""
        return self.restored_at or self.created_at

    def key_of(self, build: int) -> str:
        """What records have that a build found; keys sort by the number."""
        return f"{self.id}.{build:06}"

    @property
    def node(self) -> Node:
        """The definition, read.

        Raises:
            InvalidInputError: ``invalid_input``: it has none, or is malformed.
        """
        return read_definition(self.definition, INTERACTION_TYPES)

    @property
    def conditions(self) -> list[Leaf]:
        """Those of its definition; none if it has none that can be read by now.

        One that was stored may ask for what is taken no longer. Its segment is
        failed; all others are to be shown and changed as ever.
        """
        if self.definition is None:
            return []
        try:
            return list(leaves(self.node))
        except InvalidInputError:
            return []

    def changed(self, patch: Mapping[str, Any], now: datetime) -> "Segment":
        """The segment with ``patch`` applied; another definition is built anew."""
        segment = super().changed(patch, now)
        if segment.definition != self.definition:
            return dataclasses.replace(segment, build=self.build + 1)
        return segment

    def rebuilt(self, now: datetime) -> "Segment":
        """The segment, to be evaluated from the beginning."""
        return super().changed({"build": self.build + 1}, now)

    def completed(self, build: int, now: datetime) -> "Segment":
        """The segment with the members that a build found."""
        return super().changed({"built": build}, now)

    def restored(self, now: datetime) -> "Segment":
        """The segment, back among the live ones; its members are looked for again."""
        restored = super().restored(now)
        if self.is_manual:
            return restored
        return dataclasses.replace(
            restored, build=self.build + 1, built=0, restored_at=now
        )


def new_segment(
    segment_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Segment:
    """A segment as it is first stored."""
    return Segment(
        id=segment_id, created_at=now, updated_at=now, owner_id=owner_id, **data
    )


def check_definition(segment: Segment, others: Mapping[str, Segment]) -> None:
    """Refuse a segment whose definition leads nowhere, to itself, or too far.

    Args:
        segment: As it is to be.
        others: The organization's live segments, by id.

    Raises:
        InvalidInputError: ``segment_cycle``, ``reference_not_found`` or
            ``definition_too_large``, naming the condition.
    """
    known = {**others, segment.id: segment}
    expanded(segment, known)
    for each in referring(segment.id, known.values()):
        expanded(each, known)


def referring(segment_id: str, segments: Iterable[Segment]) -> list[Segment]:
    """The dynamic segments that depend on a segment, through others included."""
    uses = {
        each.id: (each, set(_named(each)))
        for each in segments
        if each.kind == "dynamic"
    }
    found: dict[str, Segment] = {}
    wanted = [segment_id]
    while wanted:
        used = wanted.pop()
        for each, names in uses.values():
            if used in names and each.id not in found and each.id != segment_id:
                found[each.id] = each
                wanted.append(each.id)
    return list(found.values())


def is_used(segment_id: str, segments: Iterable[Segment]) -> bool:
    """Whether the definition of another segment names this one."""
    return any(segment_id in _named(each) for each in segments if each.id != segment_id)


def _named(segment: Segment) -> Iterator[str]:
    for leaf in segment.conditions:
        if isinstance(leaf, Member):
            yield leaf.segment_id


def expanded(segment: Segment, segments: Mapping[str, Segment]) -> Node:
    """A definition with those of the dynamic segments in it put in their place.

    What is left of members is that of manual segments and of snapshots.

    Raises:
        InvalidInputError: See ``check_definition``.
    """
    return _Expansion(segment, segments).node()


class _Expansion:
    def __init__(
        self,
        segment: Segment,
        segments: Mapping[str, Segment],
        trail: tuple[str, ...] = (),
        path: str | None = None,
    ) -> None:
        self._segment = segment
        self._segments = segments
        self._trail = (*trail, segment.id)
        # Where the first of the trail names the next.
        self._path = path

    def node(self) -> Node:
        if len(self._trail) > _LONGEST_TRAIL:
            raise self._too_large(f"More than {_LONGEST_TRAIL} segments in a row.")
        node = replaced(self._segment.node, self._replace)
        if sum(1 for _ in leaves(node)) > _MOST_EXPANDED:
            raise self._too_large(
                f"With those of other segments more than {_MOST_EXPANDED} conditions."
            )
        return node

    def _too_large(self, message: str) -> InvalidInputError:
        return _refused(self._path or "definition", "definition_too_large", message)

    def _replace(self, leaf: Leaf) -> Node:
        if not isinstance(leaf, Member):
            return leaf
        path = self._path or f"{leaf.path}.segment"
        if leaf.segment_id in self._trail:
            raise _refused(path, "segment_cycle", "It would be part of itself.")
        found = self._segments.get(leaf.segment_id)
        if found is None or found.resource != self._segment.resource:
            raise _refused(
                path,
                "reference_not_found",
                f"There is no such segment of {self._segment.resource}.",
            )
        if found.kind != "dynamic":
            return leaf
        return _Expansion(found, self._segments, self._trail, path).node()


def _refused(path: str, code: str, message: str) -> InvalidInputError:
    error: FieldError = {"field": path, "code": code, "message": message}
    return invalid_input([error], code, message)
