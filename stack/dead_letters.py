"""Dead letters: looking at them, sending them back to their handlers, dropping them.

A message is fetched without being acknowledged, and returns to its queue by
itself when the channel closes, however that comes about: looking loses
nothing, even if this process is killed. One that is sent back is acknowledged
only once the broker has confirmed its copy; whoever dies in between leaves
both, which is harmless, since handlers take an event once.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pika
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    UnroutableError,
)

from chassis import codec
from chassis.topology import dead_letter_queue
from stack.broker import operator_connection, queue_depth
from stack.dead_letter import DeadLetter
from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import SERVICES

__all__ = [
    "DEFAULT_LIMIT",
    "DeadLetters",
    "Listing",
    "Outcome",
    "Selection",
    "count_dead_letters",
]

DEFAULT_LIMIT: Final = 1_000
_MAX_BYTES: Final = 64 * 2**20
_NOT_FOUND: Final = 404
_COUNT_TIMEOUT_S: Final = 2


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
            message_id=letter.message_id,
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
