"""What a record keeps of being in a segment, and what is to be told of it.

It has a key for each build that found it. Those with the key of the build that is
shown are the members; a build under way has a key of its own. A second key beside
one, with a plus sign, says that nobody has been told of it yet: so once a build is
shown, its difference to the one before it can be told, record by record, in the
write that takes old keys and plus signs away.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from svc_customer.domain.segments import Segment

__all__ = ["Membership", "Standing", "by_segment", "found", "shown", "untold"]

_UNTOLD: Final = "+"


@dataclass(frozen=True)
class Membership:
    """A record in a segment."""

    segment: Segment
    record_id: str


@dataclass(frozen=True)
class Standing:
    """How a record is to stand with a segment.

    Attributes:
        keys: All that it has of the segment from now on.
        told: Whether it is to be told that it came, or (False) that it went.
    """

    keys: AbstractSet[str]
    told: bool | None = None


def by_segment(keys: Iterable[str]) -> dict[str, AbstractSet[str]]:
    """A record's keys, by the ids of the segments that they are of."""
    known: dict[str, set[str]] = {}
    for each in keys:
        known.setdefault(each.partition(".")[0], set()).add(each)
    return dict(known)


def untold(key: str) -> str:
    """What a record has beside a key that nobody has been told of."""
    return key + _UNTOLD


def shown(segment: Segment, own: AbstractSet[str], *, fits: bool) -> Standing:
    """How a record stands with the members that are shown.

    Args:
        segment: As it is stored.
        own: The record's keys of this segment.
        fits: Whether it is to be a member.
    """
    key = segment.key
    # Of a build that has begun since the segment was read.
    later = {each for each in own if each > untold(key)}
    told = fits if fits != _is_told(segment, own) else None
    return Standing(later | {key} if fits else later, told)


def found(
    segment: Segment, own: AbstractSet[str], *, fits: bool, has_changed: bool
) -> Standing:
    """How a record stands with a build under way; nothing is told before its end.

    Whom a first build finds has been in the segment since that was made, unless
    something has changed about the record since then. Whom it has found like that
    stays somebody who was there, whatever changes afterwards.

    Args:
        segment: As it is stored.
        own: The record's keys of this segment.
        fits: Whether the definition does.
        has_changed: Whether anything has, since the segment was made.
    """
    kept = own & {segment.key, untold(segment.key)}
    if not fits:
        return Standing(kept)
    key = segment.key_of(segment.build)
    if segment.built:
        is_news = not _is_told(segment, own)
    else:
        is_news = untold(key) in own if key in own else has_changed
    return Standing(kept | {key, untold(key)} if is_news else kept | {key})


def _is_told(segment: Segment, own: AbstractSet[str]) -> bool:
    """Whether it was told of a record that it is in."""
    # Until the difference is settled, what was shown before counts.
    keys = segment.key_of(segment.settled), segment.key
    return any(each in own and untold(each) not in own for each in keys)
