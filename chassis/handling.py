"""Entrypoints for events: one at a time, or in batches.

A handler that fails is retried through the ladder of ``chassis.topology``:
the event waits in a queue whose messages expire back into exactly this
handler's queue. After the last rung, or for an event that cannot be read at
all, it is parked among the service's dead letters, with the reason. A handler
chooses its own rungs; ``stack.topology`` declares whatever rungs are in use.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Any, Final, TypeVar

import eventlet
from eventlet.event import Event as Signal
from kombu.message import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint
from pymongo.errors import AutoReconnect

from chassis.consuming import QueueConsumer, declared_elsewhere
from chassis.context import KEY, Context, service_context
from chassis.errors import InvalidInputError
from chassis.events import attempt_of, next_delay_s, read_envelope
from chassis.publishing import ConfirmingPublisher, NotPublishedError
from chassis.telemetry import describe
from chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    RETRY_DELAYS_S,
    event_queue,
    feed_queue,
    retry_exchange,
)

__all__ = [
    "BatchHandler",
    "EventHandler",
    "batch_handler",
    "event_handler",
]

logger = logging.getLogger(__name__)

_HANDLER_BUDGET_S: Final = 60.0
_MAX_REASON: Final = 500
_MAX_RUNGS: Final = 20
_LONGEST_RUNG_S: Final = 24 * 3_600
# How long an event is held for a server that is away. Giving it back would
# count towards the delivery limit, and the broker itself takes it back after
# half an hour.
_PATIENCE_S: Final = 1_200.0
_PAUSE_S: Final = 0.5
# What a batch waits for in place, as it is no event's fault.
_AWAY: Final = (AutoReconnect, NotPublishedError)

Method = TypeVar("Method", bound=Callable[..., Any])


class _QueueEntrypoint(Entrypoint):  # type: ignore[misc]
    """What a handler of single events and one of batches share.

    Args:
        delays_s: The rungs of its retry ladder, in whole seconds.

    Raises:
        ValueError: More than 20 rungs, or one that is not of 1 s to 24 h.
    """

    queue_consumer = QueueConsumer()
    queue: Any

    def __init__(
        self, *, delays_s: Sequence[int] = RETRY_DELAYS_S, **kwargs: Any
    ) -> None:
        is_legal = all(1 <= delay_s <= _LONGEST_RUNG_S for delay_s in delays_s)
        if not is_legal or len(delays_s) > _MAX_RUNGS:
            raise ValueError(f"delays_s={delays_s!r}: at most 20 rungs of 1 s to 24 h")
        self.delays_s = tuple(delays_s)
        super().__init__(**kwargs)

    def setup(self) -> None:
        """Register with the connection; the operator declared the queue."""
        self.queue = declared_elsewhere(self.queue_name)
        self._publisher = ConfirmingPublisher(self.container.config["AMQP_URI"])
        self._publishing = eventlet.semaphore.Semaphore(1)
        self._is_stopping = False
        self.queue_consumer.register_provider(self)

    @property
    def queue_name(self) -> str:
        """The queue that this entrypoint consumes."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop consuming; what is handled is finished, what waits given back."""
        self._is_stopping = True
        self.queue_consumer.unregister_provider(self)

    def settle(self, message: Message, error: BaseException | None) -> None:
        """Acknowledge, or put the event where it will be seen again."""
        if error is None:
            self.queue_consumer.ack_message(message)
            return
        letter = self._letter(message, error)
        give_up_at = time.monotonic() + _PATIENCE_S
        while not self._is_sent(message, *letter):
            if self._should_stop_waiting(give_up_at) or not message.channel.connection:
                self.queue_consumer.requeue_message(message)
                return
            eventlet.sleep(_PAUSE_S)
        self.queue_consumer.ack_message(message)

    def _should_stop_waiting(self, give_up_at: float) -> bool:
        return self._is_stopping or time.monotonic() > give_up_at

    def _letter(
        self, message: Message, error: BaseException
    ) -> tuple[str, str, dict[str, Any]]:
        """Where an event that failed goes next, and the headers it goes with.

        To its next rung, or to the dead letters: exchange and routing key.
        """
        attempt = attempt_of(message.headers)
        delay_s = next_delay_s(attempt, self.delays_s)
        reason = describe(error)[:_MAX_REASON]
        if isinstance(error, InvalidInputError):
            delay_s = None
        extra = {"queue": self.queue.name, "attempt": attempt, "reason": reason}
        if delay_s is None:
            logger.error("event dead-lettered", extra=extra, exc_info=error)
            exchange, routing_key = DEAD_LETTER_EXCHANGE, self.container.service_name
        else:
            extra["delay_s"] = delay_s
            logger.warning("event will be retried", extra=extra, exc_info=error)
            exchange, routing_key = retry_exchange(delay_s), self.queue.name
        headers = {
            "x-attempt": attempt,
            "x-reason": reason,
            "x-queue": self.queue.name,
            "x-at": int(time.time()),
        }
        return exchange, routing_key, headers

    def _is_sent(
        self,
        message: Message,
        exchange: str,
        routing_key: str,
        headers: dict[str, Any],
    ) -> bool:
        """Send the event there; whether it is safe."""
        body = message.body
        try:
            with self._publishing:
                self._publisher.publish(
                    exchange,
                    routing_key,
                    body.encode() if isinstance(body, str) else bytes(body),
                    message_id=message.properties.get("message_id"),
                    headers=headers,
                )
                self._publisher.flush()
        except NotPublishedError as lost:
            logger.warning("event not put off", extra={"error": repr(lost)})
            return False
        return True


def _context(
    event: dict[str, Any], *, attempt: int = 1, is_last_attempt: bool = False
) -> Context:
    """Handlers act for whoever did it, in the event's organization."""
    return Context(
        caller=None,
        org_id=event["org_id"],
        actor=event["actor"],
        operation_id=event["operation_id"],
        request_id=event["request_id"],
        traceparent=event["traceparent"],
        deadline=time.time() + _HANDLER_BUDGET_S,
        attempt=attempt,
        is_last_attempt=is_last_attempt,
    )


class EventHandler(_QueueEntrypoint):
    """Calls the method with one envelope at a time.

    Args:
        source: The publishing service.
        event: The event's short name.
    """

    def __init__(self, source: str, event: str, **kwargs: Any) -> None:
        self.source = source
        self.event = event
        super().__init__(**kwargs)

    @property
    def queue_name(self) -> str:
        """The queue that the operator declared for this handler."""
        return event_queue(
            self.source, self.event, self.container.service_name, self.method_name
        )

    def handle_message(self, message: Message) -> None:
        """Start a worker for the event."""
        try:
            event = read_envelope(message.body)
        except InvalidInputError as error:
            self.settle(message, error)
            return
        attempt = attempt_of(message.headers)
        is_last = next_delay_s(attempt, self.delays_s) is None
        context = _context(event, attempt=attempt, is_last_attempt=is_last)
        try:
            self.container.spawn_worker(
                self,
                (event,),
                {},
                context_data={KEY: context},
                handle_result=partial(self._handle_result, message),
            )
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)

    def _handle_result(
        self, message: Message, _worker_ctx: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        self.settle(message, None if exc_info is None else exc_info[1])
        return result, exc_info


def event_handler(
    source: str, event: str, *, delays_s: Sequence[int] = RETRY_DELAYS_S
) -> Callable[[Method], Method]:
    """Handle one event at a time; see :class:`EventHandler`."""
    return EventHandler.decorator(source, event, delays_s=delays_s)  # type: ignore[no-any-return]


class BatchHandler(_QueueEntrypoint):
    """Calls the method with a list of envelopes from the service's feed queue.

    A batch that fails is tried again event by event, so that one bad event
    does not take its neighbors up the retry ladder. While the database or the
    broker is away a batch waits where it is, and with it all that come after.

    Args:
        size: The most events in one call.
        wait_s: How long the first of a batch waits for others.
        sources: Short names of events, by the service that publishes them; all
            events of all services if there are none.
    """

    def __init__(
        self,
        size: int = 200,
        wait_s: float = 0.005,
        sources: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.sources = dict(sources or {})
        self._size = size
        self._wait_s = wait_s
        self._waiting: list[Message] = []
        self._collecting: Any = None
        super().__init__(**kwargs)

    @property
    def prefetch_count(self) -> int:
        """Enough for one batch at work and one to come."""
        return 2 * self._size

    @property
    def queue_name(self) -> str:
        """The service's one feed queue."""
        return feed_queue(self.container.service_name)

    def setup(self) -> None:
        """Prepare to collect."""
        super().setup()
        self._turn = eventlet.semaphore.Semaphore(1)

    def handle_message(self, message: Message) -> None:
        """Add the event to the batch; start the clock with the first."""
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._collecting = self.container.spawn_managed_thread(self._collect)

    def stop(self) -> None:
        """Stop consuming; what was collected is handled while that can be done.

        The database closes as soon as the entrypoints have stopped and no
        worker is active, and a batch that is being collected has none yet.
        """
        super().stop()
        if self._collecting is not None:
            # The last of them to be started is the last to have its turn.
            self._collecting.wait()

    def _collect(self) -> None:
        eventlet.sleep(self._wait_s)
        with self._turn:
            while self._waiting:
                batch = self._waiting[: self._size]
                del self._waiting[: self._size]
                self._handle(batch)

    def _handle(self, messages: list[Message]) -> None:
        readable = [pair for pair in map(self._read_or_park, messages) if pair]
        if not readable:
            return
        failure = self._call_patiently([event for _, event in readable])
        is_one_events_fault = len(readable) > 1 and not isinstance(
            failure, (*_AWAY, NoneType)
        )
        for message, event in readable:
            if is_one_events_fault:
                failure = self._call_patiently([event])
            self._conclude(message, failure)

    def _conclude(self, message: Message, failure: BaseException | None) -> None:
        if isinstance(failure, _AWAY):
            self.queue_consumer.requeue_message(message)
        else:
            self.settle(message, failure)

    def _read_or_park(self, message: Message) -> tuple[Message, dict[str, Any]] | None:
        try:
            return message, read_envelope(message.body)
        except InvalidInputError as error:
            self.settle(message, error)
            return None

    def _call_patiently(self, events: list[dict[str, Any]]) -> BaseException | None:
        give_up_at = time.monotonic() + _PATIENCE_S
        failure = self._call(events)
        while isinstance(failure, _AWAY):
            if self._should_stop_waiting(give_up_at):
                break
            eventlet.sleep(_PAUSE_S)
            failure = self._call(events)
        return failure

    def _call(self, events: list[dict[str, Any]]) -> BaseException | None:
        """Run the method in a worker and wait for how it ends."""
        done = Signal()

        def handle_result(
            _worker_ctx: Any, result: Any, exc_info: Any
        ) -> tuple[Any, Any]:
            done.send(None if exc_info is None else exc_info[1])
            return result, exc_info

        # A batch is of many people in many organizations: it acts for none.
        context = service_context(self.container.service_name, _HANDLER_BUDGET_S)
        self.container.spawn_worker(
            self,
            (events,),
            {},
            context_data={KEY: context},
            handle_result=handle_result,
        )
        failure: BaseException | None = done.wait()
        return failure


def batch_handler(
    *,
    size: int = 200,
    wait_s: float = 0.005,
    sources: Mapping[str, Sequence[str]] | None = None,
    delays_s: Sequence[int] = RETRY_DELAYS_S,
) -> Callable[[Method], Method]:
    """Handle the service's feed in batches; see :class:`BatchHandler`."""
    return BatchHandler.decorator(  # type: ignore[no-any-return]
        size=size, wait_s=wait_s, sources=sources, delays_s=delays_s
    )
