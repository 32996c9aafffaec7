"""One dead letter: what can be read from a message that nobody could handle."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from chassis import codec
from chassis.topology import feed_queue

__all__ = ["DeadLetter"]

_SHOWN_ID: Final = 16


@dataclass(frozen=True)
class DeadLetter:
    """One message among the dead letters of a service.

    Attributes:
        id: The event's; made from the body (``body-…``) where there is none.
            Two handlers may have failed at one event: then ``queue`` differs.
        queue: The handler's queue, from which it came.
        event: Its name, and the next three likewise: None if it is not readable.
        reason: What the handler last said, or why the broker gave up.
        attempts: How often the handler failed; 0 if it never got that far.
        size: Of the body, in bytes.
    """

    service: str
    id: str
    queue: str | None
    event: str | None
    org_id: str | None
    aggregate: str | None
    sequence: int | None
    reason: str
    attempts: int
    dead_at: datetime | None
    size: int
    headers: Mapping[str, Any] = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def from_message(cls, service: str, properties: Any, body: bytes) -> "DeadLetter":
        """Read what can be read; whoever may publish can put anything there."""
        headers = properties.headers or {}
        event = _event(body)
        broker = _broker_verdict(headers)
        queue, reason, dead_at = broker or _handler_verdict(headers)
        attempts = headers.get("x-attempt")
        return cls(
            service=service,
            id=properties.message_id or _id_of(body),
            queue=queue,
            event=_text(event.get("event")),
            org_id=_text(event.get("org_id")),
            aggregate=_aggregate(event.get("aggregate")),
            sequence=_number(event.get("sequence")),
            reason=reason,
            attempts=_number(attempts) or 0,
            dead_at=dead_at,
            size=len(body),
            headers=headers,
            body=body,
        )

    @property
    def age_key(self) -> tuple[float, int, str]:
        """Sorts by time of death, and as the record went through its changes."""
        died = self.dead_at.timestamp() if self.dead_at else 0.0
        return died, self.sequence or 0, self.id

    @property
    def message_id(self) -> str | None:
        """What the message itself is called; None if its id comes from its body."""
        return None if self.id == _id_of(self.body) else self.id

    def why_not_replayable(self) -> str | None:
        """What keeps it from being sent back, if anything.

        The operator may write to any queue, so a forged header must not choose
        which: a dead letter returns to a handler of its own service only.
        """
        queue = self.queue
        if queue is None:
            return "it does not say from which queue it came"
        own = f"--{self.service}."
        is_own = queue.startswith("evt-") and own in queue
        if is_own or queue == feed_queue(self.service):
            return None
        return f"{queue} is no queue of a handler of {self.service}"


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = codec.decode(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _id_of(body: bytes) -> str:
    return f"body-{hashlib.sha256(body).hexdigest()[:_SHOWN_ID]}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _aggregate(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    return f"{value.get('type')} {value.get('id')}"


def _broker_verdict(
    headers: Mapping[str, Any],
) -> tuple[str | None, str, datetime | None] | None:
    """Queue, reason and time, if it was the broker that gave up.

    A handler publishes a dead letter anew, without this header. What handlers
    wrote for an earlier attempt may be in the message all the same.
    """
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    latest = deaths[0]
    reason = _text(latest.get("reason")) or "unknown"
    if reason == "delivery_limit":
        reason = "delivery_limit: handed out too often without being settled"
    earlier = _text(headers.get("x-reason"))
    if earlier:
        reason = f"{reason}; before that {earlier}"
    at = latest.get("time")
    dead_at = at.replace(tzinfo=UTC) if isinstance(at, datetime) else None
    return _text(latest.get("queue")), reason, dead_at


def _handler_verdict(
    headers: Mapping[str, Any],
) -> tuple[str | None, str, datetime | None]:
    at = headers.get("x-at")
    try:
        dead_at = datetime.fromtimestamp(at, tz=UTC) if isinstance(at, int) else None
    except (ValueError, OverflowError, OSError):
        dead_at = None
    reason = _text(headers.get("x-reason")) or "it does not say"
    return _text(headers.get("x-queue")), reason, dead_at
