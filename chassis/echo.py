"""Echo requests: how a client tells a stopped process from a busy one.

Answered by the consumer itself, not by a worker, so that a service all of
whose workers are busy still echoes. Each process has a queue of its own, with
a prefetch of its own, and all of them answer.
"""

import logging
from typing import Any, Final

import amqp
from amqp.exceptions import AMQPError
from kombu.entity import Queue
from kombu.message import Message

from chassis import codec
from chassis.consuming import QueueConsumer, queue_of_this_process
from chassis.topology import RPC_EXCHANGE, echo_key, is_reply_key

__all__ = ["Echo"]

logger = logging.getLogger(__name__)


class Echo:
    """Consumes one process's echo requests.

    Args:
        queue_consumer: The process's connection.
        service: Whose echo it is.
    """

    prefetch_count: Final = 16

    def __init__(self, queue_consumer: QueueConsumer, service: str) -> None:
        self._queue_consumer = queue_consumer
        self._service = service

    @property
    def queue(self) -> Queue:
        """Another one for each connection."""
        return queue_of_this_process(self._service, echo_key(self._service))

    def handle_message(self, message: Message) -> None:
        """Answer with the request's correlation id and an empty object."""
        properties = message.properties
        reply_to: Any = properties.get("reply_to")
        if is_reply_key(reply_to):
            answer = amqp.Message(
                b"{}",
                content_type=codec.CONTENT_TYPE,
                correlation_id=properties.get("correlation_id"),
                delivery_mode=1,
            )
            try:
                message.channel.basic_publish(answer, RPC_EXCHANGE, reply_to)
            except (OSError, AMQPError) as lost:
                logger.warning("echo not sent", extra={"error": repr(lost)})
        self._queue_consumer.ack_message(message)
