"""What an operation left behind: which records, at which version, told by which event.

A service says so in a header of its reply, so that whoever asked can wait for
it elsewhere: a cache by the version, a reader of events by the sequence.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from chassis.ids import is_id

__all__ = ["HEADER", "Effect", "read_effects", "write_effects"]

HEADER: Final = "rapport.wrote"


class Effect(NamedTuple):
    """A record as an operation left it.

    Attributes:
        sequence: Of its latest event; 0 before the first.
    """

    record_id: str
    version: int
    sequence: int


def write_effects(effects: Iterable[Effect]) -> str:
    """The header's value."""
    return ",".join(f"{each[0]}.{each[1]}.{each[2]}" for each in effects)


def read_effects(headers: Mapping[str, Any]) -> list[Effect]:
    """What the headers of a reply say.

    Raises:
        ValueError: It was not written by ``write_effects``.
    """
    text = headers.get(HEADER)
    return [_effect(each) for each in text.split(",")] if text else []


def _effect(text: str) -> Effect:
    record_id, version, sequence = text.split(".")
    if not is_id(record_id):
        raise ValueError(f"{record_id!r} is no id.")
    return Effect(record_id, int(version), int(sequence))
