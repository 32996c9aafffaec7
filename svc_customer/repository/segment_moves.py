"""What becomes of a record whose segments were looked at: keys, and events."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from chassis.context import Context
from chassis.events import Event
from chassis.mongo import Document
from svc_customer import events
from svc_customer.domain.definitions import Node
from svc_customer.domain.memberships import (
    Membership,
    Standing,
    by_segment,
    found,
    shown,
    untold,
)
from svc_customer.domain.segments import Segment

__all__ = ["CHANGED", "Move", "Plan", "concerned", "move_of"]

# When something last changed about a record: its fields, what happened with it,
# the manual segments that it is in.
CHANGED: Final = ("updated_at", "counted_at", "moved_at")


@dataclass(frozen=True)
class Plan:
    """A segment that records are to be in or not.

    Attributes:
        segment: As it is stored.
        node: Its expanded definition; a manual one has none.
        is_building: Whether this is about the build under way, which is not
            shown yet.
    """

    segment: Segment
    node: Node | None = None
    is_building: bool = False

    @property
    def key(self) -> str:
        """What records have that it finds."""
        segment = self.segment
        return segment.key_of(segment.build) if self.is_building else segment.key

    def standing(self, row: Document, own: AbstractSet[str], *, fits: bool) -> Standing:
        """How a record is to stand with the segment, having these keys of it."""
        if not self.is_building:
            return shown(self.segment, own, fits=fits)
        # A snapshot is of the moment at which it is complete.
        has_changed = self.segment.kind == "dynamic" and any(
            row.get(name) and row[name] > self.segment.made_at for name in CHANGED
        )
        return found(self.segment, own, fits=fits, has_changed=has_changed)


@dataclass(frozen=True)
class Move:
    """What becomes of one record.

    Attributes:
        context: Whose doing that is.
        plans: Of the segments that it stands otherwise with.
        had: The keys that it has of these, as it was seen.
        lacked: Those that it may get of them, and has not.
        gone: The keys that it has no longer.
        come: Those that it has from now on.
        told: The events of it.
    """

    row: Document
    context: Context
    plans: Sequence[Plan]
    had: AbstractSet[str]
    lacked: AbstractSet[str]
    gone: AbstractSet[str]
    come: AbstractSet[str]
    told: Sequence[Event]


def move_of(
    row: Document, context: Context, fitting: Iterable[Plan], plans: Iterable[Plan]
) -> Move | None:
    """What has to change about a record, if anything.

    Args:
        row: The record, as it was seen.
        context: Whose doing it is.
        fitting: Those of the plans that it fits.
        plans: All that it was looked at for.
    """
    known = by_segment(row.get("segment_keys", ()))
    fits = {plan.key for plan in fitting}
    moved: list[Plan] = []
    had, lacked = set[str](), set[str]()
    gone, come, told = set[str](), set[str](), list[Event]()
    for plan in plans:
        own = known.get(plan.segment.id, frozenset())
        standing = plan.standing(row, own, fits=plan.key in fits)
        if standing == Standing(own):
            continue
        moved.append(plan)
        had |= own
        lacked |= _possible(plan.segment) - own
        gone |= own - standing.keys
        come |= standing.keys - own
        if standing.told is not None:
            build = events.segment_entered if standing.told else events.segment_left
            told.append(build(Membership(plan.segment, row["_id"])))
    if not moved:
        return None
    return Move(row, context, moved, had, lacked, gone, come, told)


def _possible(segment: Segment) -> set[str]:
    """The keys that a record may have or get of a segment as it is stored."""
    keys = {segment.key_of(build) for build in segment.stage}
    return keys.union(map(untold, keys))


def concerned(moves: Iterable[Move]) -> set[str]:
    """The ids of the segments that records came into or went out of."""
    return {plan.segment.id for move in moves for plan in move.plans}
