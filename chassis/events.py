"""Events: what a service says about its own records, and how others hear it.

A builder in ``svc_*/events.py`` makes an :class:`Event`; the repository turns
it into an envelope and stores it in the same write as the change; the outbox
relay publishes it. Handlers consume it from a queue of their own, at least
once: they are idempotent by the envelope's ``id``.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypedDict

from chassis import codec
from chassis.context import Actor, Context
from chassis.errors import InvalidInputError
from chassis.ids import derive_id, is_id
from chassis.topology import RETRY_DELAYS_S

__all__ = [
    "Envelope",
    "Event",
    "attempt_of",
    "changes_between",
    "envelope",
    "event_id",
    "next_delay_s",
    "primitive",
    "read_envelope",
    "told",
    "wire_time",
]

# The most that fits the header wherever it is read.
_MAX_ATTEMPT: Final = 2**31 - 1
_BOOKKEEPING: Final = frozenset({"version", "sequence", "updated_at"})
# What a field of a record may say of its history, in its ``metadata``: each key
# of it is told as a field of its own, or it only follows from others.
HISTORY: Final = "history"
BY_KEY: Final = "by_key"
DERIVED: Final = "derived"
# Most values are of these.
_OF_JSON: Final = frozenset({str, int, float, bool})
_AS_THEY_ARE: Final = _OF_JSON | {datetime}
# What each field is in JSON, besides the two ids.
_SHAPE: Final[Mapping[str, type]] = {
    "event": str,
    "version": int,
    "aggregate": dict,
    "sequence": int,
    "operation_id": str,
    "occurred_at": str,
    "actor": dict,
    "request_id": str,
    "traceparent": str,
    "visibility": dict,
    "data": dict,
}


class Envelope(TypedDict):
    """An event as it travels: ids and facts, never personal data."""

    id: str
    event: str
    version: int
    org_id: str
    aggregate: dict[str, str]
    sequence: int
    operation_id: str
    occurred_at: str
    actor: Actor
    request_id: str
    traceparent: str
    visibility: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to one record.

    Attributes:
        name: ``<service>.<noun>_<past participle>``.
        data: Ids and facts that consumers need; no personal data.
        changes: ``{field: {"from", "to"}}`` for the record's history; stays
            in the event log and is never published.
        personal: The fields in ``changes`` that say something about a person.
        subject_id: That person's record; its key encrypts those fields.
    """

    name: str
    data: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    subject_id: str | None = None
    version: int = 1

    @property
    def short_name(self) -> str:
        """The routing key: the name without its service."""
        return self.name.partition(".")[2]


def event_id(aggregate_id: str, sequence: int) -> str:
    """The id of an aggregate's ``sequence``-th event, known before it is sent."""
    return derive_id(aggregate_id, f"event:{sequence}")


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(
    event: Event,
    aggregate: Mapping[str, str],
    sequence: int,
    visibility: Mapping[str, Any],
    context: Context,
) -> Envelope:
    """Address an event: whose it is, who did it, in the course of what."""
    return {
        "id": event_id(aggregate["id"], sequence),
        "event": event.name,
        "version": event.version,
        "org_id": str(context.org_id),
        "aggregate": dict(aggregate),
        "sequence": sequence,
        "operation_id": context.operation_id,
        "occurred_at": wire_time(context.now()),
        "actor": context.actor,
        "request_id": context.request_id,
        "traceparent": context.traceparent,
        "visibility": dict(visibility),
        "data": dict(event.data),
    }


def read_envelope(body: bytes | str) -> dict[str, Any]:
    """The envelope in a message; fields that we do not know stay in it.

    Raises:
        InvalidInputError: ``malformed_event``.
    """
    try:
        event = codec.decode(body)
    except ValueError:
        event = None
    if isinstance(event, dict) and _is_envelope(event):
        return event
    raise InvalidInputError("malformed_event", "This message is no event.")


def _is_envelope(event: Mapping[str, Any]) -> bool:
    # Exact types, as a JSON true would pass for the number one.
    return (
        all(type(event.get(name)) is kind for name, kind in _SHAPE.items())
        and is_id(event.get("id"))
        and is_id(event.get("org_id"))
        and event["version"] >= 1
        and event["sequence"] >= 1
        and _is_moment(event["occurred_at"])
        and all(
            type(event[name].get(part)) is str
            for name in ("actor", "aggregate")
            for part in ("type", "id")
        )
    )


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def attempt_of(headers: Mapping[str, Any] | None) -> int:
    """The number, from 1, of the attempt at a message with these headers.

    Whoever may publish can put anything into ``x-attempt``. What is no count
    of earlier attempts is none: the message starts at the bottom of the ladder.
    """
    earlier = (headers or {}).get("x-attempt")
    if not isinstance(earlier, int) or isinstance(earlier, bool) or earlier < 0:
        return 1
    return min(earlier + 1, _MAX_ATTEMPT)


def next_delay_s(attempt: int, delays_s: Sequence[int] = RETRY_DELAYS_S) -> int | None:
    """How long to wait after failed attempt number ``attempt`` (from 1).

    Returns:
        Seconds, one of the rungs of the retry ladder; None to give up.
    """
    return delays_s[attempt - 1] if 1 <= attempt <= len(delays_s) else None


def changes_between(before: Any, after: Any) -> dict[str, dict[str, Any]]:
    """What differs between two states of a record, field by field.

    Args:
        before: A dataclass instance, or None for a record that is new.
        after: An instance of the same class.

    Returns:
        ``{field: {"from", "to"}}`` in JSON primitives, without bookkeeping and
        what fields say to be derived. Of an object that is told by key, each
        member is a field: ``custom.region``.
    """
    old = {} if before is None else told(before)
    new = told(after)
    return {
        name: {"from": primitive(old.get(name)), "to": primitive(new.get(name))}
        for name in (*new, *sorted(old.keys() - new.keys()))
        if old.get(name) != new.get(name)
    }


def told(record: Any) -> dict[str, Any]:
    """What history tells of a record; a member of an object as ``field.key``."""
    values: dict[str, Any] = {}
    members: dict[str, Any] = {}
    for each in dataclasses.fields(record):
        history = each.metadata.get(HISTORY)
        if history == DERIVED or each.name in _BOOKKEEPING:
            continue
        value = _plain(getattr(record, each.name))
        if history == BY_KEY:
            members |= {f"{each.name}.{key}": value[key] for key in value}
        else:
            values[each.name] = value
    return values | members


def _plain(value: Any) -> Any:
    """A value whose nested records are dicts; ``asdict`` would copy each part."""
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        return _members(value, _plain)
    return value


def _members(record: Any, made: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        each.name: made(getattr(record, each.name))
        for each in dataclasses.fields(record)
    }


def primitive(value: Any) -> Any:
    """A value of a record, or a record, as JSON has it."""
    if value is None or type(value) in _OF_JSON:
        return value
    if isinstance(value, Mapping):
        return {name: primitive(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [primitive(item) for item in value]
    if dataclasses.is_dataclass(value):
        return _members(value, primitive)
    if isinstance(value, datetime):
        return wire_time(value)
    return str(value) if isinstance(value, Decimal | date) else value
