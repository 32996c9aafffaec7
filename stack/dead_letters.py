"""Dead letters: looking at them, sending them back to their handlers, dropping them.

A message is fetched without being acknowledged, and returns to its queue by
itself when the channel closes, however that comes about: looking loses
nothing, even if this process is killed. One that is sent back is acknowledged
only once the broker has confirmed its copy; whoever dies in between leaves
both, which is harmless, since handlers take an event once.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pika
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    UnroutableError,
)

from chassis import codec
from chassis.topology import dead_letter_queue, feed_queue
from stack.broker import operator_connection, queue_depth
from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import SERVICES

__all__ = [
    "DEFAULT_LIMIT",
    "DeadLetter",
    "DeadLetters",
    "Listing",
    "Outcome",
    "Selection",
    "count_dead_letters",
]

DEFAULT_LIMIT: Final = 1_000
_MAX_BYTES: Final = 64 * 2**20
_SHOWN_ID: Final = 16
_NOT_FOUND: Final = 404
_COUNT_TIMEOUT_S: Final = 2


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


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant; without any condition, all.

    Attributes:
        ids: Of events, or made from bodies.
        queue: The handler's, not the one they lie in.
    """

    ids: tuple[str, ...] = ()
    service: str | None = None
    queue: str | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Whose dead letters have to be looked at.

        Raises:
            StackError: There is no such service.
        """
        if self.service is None:
            return SERVICES
        if self.service not in SERVICES:
            raise StackError(
                f"There is no service {self.service}. There are: {', '.join(SERVICES)}."
            )
        return (self.service,)

    def means(self, letter: DeadLetter) -> bool:
        """Whether all conditions hold."""
        return (not self.ids or letter.id in self.ids) and (
            self.queue is None or letter.queue == self.queue
        )


@dataclass(frozen=True)
class Listing:
    """What was found.

    Attributes:
        unseen: How many of a service were not looked at, where there are any.
    """

    letters: tuple[DeadLetter, ...]
    unseen: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """What became of those that were chosen.

    Attributes:
        verb: ``replayed`` or ``discarded``.
        kept: Those that stay, each with the reason.
        unseen: As in a listing.
    """

    verb: str
    done: tuple[DeadLetter, ...]
    kept: tuple[tuple[DeadLetter, str], ...]
    unseen: Mapping[str, int]


def _say_nothing(_letter: DeadLetter) -> None:
    pass


@dataclass(frozen=True)
class _Held:
    channel: Any
    tag: int
    letter: DeadLetter


class DeadLetters:
    """The dead letters of every service, over one connection of one thread.

    Args:
        connection: A pika ``BlockingConnection`` of the operator.
        limit: The most messages of one queue that are looked at in one go;
            64 MB end it sooner. Which, if there are more, is up to the broker.
    """

    def __init__(self, connection: Any, limit: int = DEFAULT_LIMIT) -> None:
        self._connection = connection
        self._limit = limit

    def find(self, selection: Selection) -> Listing:
        """Those that are meant, by service, the oldest first.

        Raises:
            StackError: One of the ids is not there.
        """
        with self._holding(selection) as (held, unseen):
            return Listing(tuple(each.letter for each in held), unseen)

    def replay(
        self,
        selection: Selection,
        on_done: Callable[[DeadLetter], None] = _say_nothing,
    ) -> Outcome:
        """Send them back to their handlers, each to the first rung of its ladder.

        Those whose queue is gone, or not a handler's, stay.

        Raises:
            StackError: One of the ids is not there; then nothing is done.
        """
        return self._settle("replayed", selection, self._send_back, on_done)

    def discard(
        self,
        selection: Selection,
        on_done: Callable[[DeadLetter], None] = _say_nothing,
    ) -> Outcome:
        """Drop them for good; the services' event logs still have the events.

        Raises:
            StackError: One of the ids is not there; then nothing is done.
        """
        return self._settle("discarded", selection, lambda _held: None, on_done)

    def _settle(
        self,
        verb: str,
        selection: Selection,
        act: Callable[[_Held], str | None],
        on_done: Callable[[DeadLetter], None],
    ) -> Outcome:
        done: list[DeadLetter] = []
        kept: list[tuple[DeadLetter, str]] = []
        with self._holding(selection) as (held, unseen):
            for each in held:
                why_not = act(each)
                if why_not:
                    kept.append((each.letter, why_not))
                    continue
                each.channel.basic_ack(each.tag)
                on_done(each.letter)
                done.append(each.letter)
        return Outcome(verb, tuple(done), tuple(kept), unseen)

    def _send_back(self, held: _Held) -> str | None:
        """Publish a copy and wait for its confirm; why it could not be, if so.

        No header comes along: the ladder starts anew, and one called ``CC``
        would send copies elsewhere with the operator's rights.
        """
        letter = held.letter
        why_not = letter.why_not_replayable()
        if why_not:
            return why_not
        properties = pika.BasicProperties(
            content_type=codec.CONTENT_TYPE,
            content_encoding=codec.CONTENT_ENCODING,
            delivery_mode=2,
            message_id=None if letter.id == _id_of(letter.body) else letter.id,
        )
        try:
            held.channel.basic_publish(
                "", letter.queue, letter.body, properties, mandatory=True
            )
        except UnroutableError:
            return f"there is no queue {letter.queue}"
        except NackError:
            return f"the broker refuses it for {letter.queue}"
        return None

    @contextlib.contextmanager
    def _holding(
        self, selection: Selection
    ) -> Iterator[tuple[list[_Held], dict[str, int]]]:
        """Hold what is meant, unacknowledged; at the end it returns to its queue."""
        held: list[_Held] = []
        unseen: dict[str, int] = {}
        with contextlib.ExitStack() as channels:
            for service in selection.services:
                channel = self._connection.channel()
                channels.callback(_close, channel)
                channel.confirm_delivery()
                found, remaining = self._fetch(service, channel)
                # The broker keeps no order in what was given back.
                held += sorted(found, key=lambda each: each.letter.age_key)
                if remaining:
                    unseen[service] = remaining
            meant = [each for each in held if selection.means(each.letter)]
            _check_ids(selection, meant, unseen)
            yield meant, unseen

    def _fetch(self, service: str, channel: Any) -> tuple[list[_Held], int]:
        """Take hold of one service's, up to the limits; how many there are besides."""
        queue = dead_letter_queue(service)
        held: list[_Held] = []
        remaining = size = 0
        while len(held) < self._limit and size < _MAX_BYTES:
            found, properties, body = self._get(channel, queue)
            if found is None:
                return held, 0
            letter = DeadLetter.from_message(service, properties, body)
            held.append(_Held(channel, found.delivery_tag, letter))
            remaining = found.message_count
            size += letter.size
        return held, remaining

    @staticmethod
    def _get(channel: Any, queue: str) -> tuple[Any, Any, Any]:
        try:
            return channel.basic_get(queue)  # type: ignore[no-any-return]
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND:
                raise
            raise StackError(
                f"There is no queue {queue}. `./crm migrate` declares it."
            ) from None


def _close(channel: Any) -> None:
    """Give back what is not acknowledged, and wait until the broker has done so."""
    if channel.is_open:
        channel.close()


def _check_ids(
    selection: Selection, meant: list[_Held], unseen: Mapping[str, int]
) -> None:
    unknown = set(selection.ids) - {each.letter.id for each in meant}
    if not unknown:
        return
    where = f" from {selection.queue}" if selection.queue else ""
    hint = "`./crm dlq list` shows those that there are."
    if unseen:
        hint = (
            f"{sum(unseen.values())} were not looked at; a higher `--limit` takes "
            "them in."
        )
    raise StackError(
        f"There is no dead letter {', '.join(sorted(unknown))}{where}. {hint}"
    )


def count_dead_letters(paths: StatePaths) -> dict[str, int]:
    """How many wait for each service that has any.

    Returns:
        Nothing, too, while the broker does not answer.
    """
    try:
        with operator_connection(paths, _COUNT_TIMEOUT_S) as connection:
            depths = {
                service: queue_depth(connection, dead_letter_queue(service)).messages
                for service in SERVICES
            }
    except (AMQPError, StackError):
        return {}
    return {service: count for service, count in depths.items() if count}
