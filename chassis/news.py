"""What svc_auth tells every process of every service: whom to trust no longer."""

import logging
from typing import Any, Final, NamedTuple

from kombu.entity import Queue
from kombu.message import Message

from chassis.consuming import QueueConsumer, queue_of_this_process
from chassis.errors import InvalidInputError
from chassis.events import read_envelope
from chassis.topology import NEWS_EXCHANGE
from chassis.upkeep import Upkeep

__all__ = ["News"]

logger = logging.getLogger(__name__)


class _Event(NamedTuple):
    name: str
    org_id: str
    aggregate_id: str
    occurred_at: str
    data: dict[str, Any]


class News:
    """Hears the news in one process, and asks for what it may have missed.

    Args:
        queue_consumer: The process's connection.
        service: Whose process it is.
        upkeep: Told of everything.
    """

    prefetch_count: Final = 64

    def __init__(
        self, queue_consumer: QueueConsumer, service: str, upkeep: Upkeep
    ) -> None:
        self._queue_consumer = queue_consumer
        self._service = service
        self._upkeep = upkeep

    @property
    def queue(self) -> Queue:
        """Another one for each connection."""
        return queue_of_this_process(self._service, "#", NEWS_EXCHANGE)

    def on_ready(self) -> None:
        """The broker delivers from now on; what was before nobody told us."""
        self._upkeep.refresh()

    def handle_message(self, message: Message) -> None:
        """Pass an event on; what is none has done its harm elsewhere."""
        try:
            event = read_envelope(message.body)
            self._upkeep.hear(
                _Event(
                    event["event"],
                    event["org_id"],
                    event["aggregate"]["id"],
                    event["occurred_at"],
                    event["data"],
                )
            )
        except InvalidInputError:
            logger.warning("these news are no event")
        self._queue_consumer.ack_message(message)
