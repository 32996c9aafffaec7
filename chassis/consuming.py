"""The consumer connection of a service process.

Nameko's own stops its connection before its workers are done on SIGTERM, so
that the broker hands their work to somebody else: it runs twice. This one
drains. It also leaves decoding to whoever handles the message, so that one
unreadable message cannot take the process down.
"""

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, Protocol

from amqp.exceptions import AMQPError
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message
from kombu.messaging import Consumer
from nameko.messaging import QueueConsumer as NamekoQueueConsumer

from chassis.ids import new_id
from chassis.packets import use_thrifty_connections
from chassis.topology import RPC_EXCHANGE, private_queue

__all__ = ["QueueConsumer", "declared_elsewhere", "queue_of_this_process"]

logger = logging.getLogger(__name__)

use_thrifty_connections()

# A consumer is cancelled, and the end noticed, when nothing has come for so long.
# Whoever stops waits for some of these, and requests wait with them.
_ITERATION_S: Final = 0.1
_RECONNECT: Final = {
    "interval_start": 0.2,
    "interval_step": 0.5,
    "interval_max": 5,
}


class Provider(Protocol):
    """Whoever consumes a queue through a :class:`QueueConsumer`."""

    @property
    def queue(self) -> Queue:
        """What to consume; asked for once per connection."""

    def handle_message(self, message: Message) -> None:
        """Take charge of one message; must settle it in the end."""


def declared_elsewhere(name: str) -> Queue:
    """A queue that the operator declared and this process only consumes."""
    return Queue(name, no_declare=True)


def queue_of_this_process(
    service: str, routing_key: str, exchange: str = RPC_EXCHANGE
) -> Queue:
    """A transient queue for what goes to every process of a service.

    Ask for another one after each reconnection: the broker may not have
    noticed yet that the old connection is gone, and keeps its queue's name.
    """
    return Queue(
        private_queue(service, new_id()),
        exchange=Exchange(exchange, "topic", no_declare=True),
        routing_key=routing_key,
        durable=False,
        exclusive=True,
        auto_delete=True,
    )


class QueueConsumer(NamekoQueueConsumer):  # type: ignore[misc]
    """One connection, one channel, any number of queues.

    Attributes:
        is_live: Whether the broker delivers to us at this moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_live = False
        self._unsettled: set[tuple[int, int]] = set()

    def get_consumers(
        self,
        consumer_cls: Any,
        channel: Any,  # noqa: ARG002 - kombu's
    ) -> Iterable[Consumer]:
        """Called after every (re)connection; old deliveries are void by then."""
        self._unsettled.clear()
        for provider in self._providers:
            consumer = consumer_cls(
                queues=[provider.queue],
                on_message=partial(self._receive, provider),
            )
            prefetch = getattr(provider, "prefetch_count", self.prefetch_count)
            consumer.qos(prefetch_count=prefetch)
            self._consumers[provider] = consumer
        return list(self._consumers.values())

    def _receive(self, provider: Provider, message: Message) -> None:
        self._unsettled.add(_key(message))
        provider.handle_message(message)

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Drop what cannot even be unpacked; kombu's own would log its body."""
        logger.error(
            "unreadable message dropped",
            extra={
                "routing_key": message.delivery_info.get("routing_key"),
                "error": type(exc).__name__,
            },
        )
        message.reject_log_error(logger, (OSError, AMQPError))

    def ack_message(self, message: Message) -> None:
        """Tell the broker that the message is done with."""
        self._settle(message, message.ack)

    def requeue_message(self, message: Message) -> None:
        """Give the message back; it counts towards the delivery limit."""
        self._settle(message, message.requeue)

    def reject_message(self, message: Message) -> None:
        """Drop the message, into the dead letters if its queue has any."""
        self._settle(message, message.reject)

    def _settle(self, message: Message, settle: Any) -> None:
        try:
            # A message of a lost connection has gone back to the broker.
            if message.channel.connection and _key(message) in self._unsettled:
                settle()
        except (OSError, AMQPError) as error:
            logger.warning("message not settled", extra={"error": repr(error)})
        finally:
            self._unsettled.discard(_key(message))

    def unregister_provider(self, provider: Provider) -> None:
        """Stop consuming for ``provider``; nothing to do before there was a start."""
        if (
            self._consumers_ready.ready()
            or not self._last_provider_unregistered.ready()
        ):
            super().unregister_provider(provider)

    def on_iteration(self) -> None:
        """Stop only when nobody consumes and nothing is still worked on."""
        self._cancel_consumers_if_requested()
        if not self._consumers and not self._unsettled:
            self.should_stop = True

    def establish_connection(self) -> Connection:
        """Connect, trying again with growing pauses for as long as it takes."""
        connection = self.connection.clone()
        connection.ensure_connection(self.on_connection_error, **_RECONNECT)
        return connection

    def consume(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Consume until the connection is lost or nothing is left to do."""
        kwargs["safety_interval"] = _ITERATION_S
        try:
            yield from super().consume(*args, **kwargs)
        finally:
            self.is_live = False

    def on_consume_ready(
        self, connection: Any, channel: Any, consumers: Any, **kwargs: Any
    ) -> None:
        """Called after every (re)connection."""
        super().on_consume_ready(connection, channel, consumers, **kwargs)
        self.is_live = True
        for provider in self._providers:
            # Optional, as Nameko's own providers do without.
            on_ready = getattr(provider, "on_ready", None)
            if on_ready is not None:
                on_ready()


def _key(message: Message) -> tuple[int, int]:
    return id(message.channel), message.delivery_tag
