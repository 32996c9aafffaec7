"""Telling whoever is there: messages that nobody need be waiting for."""

from collections.abc import Iterable
from typing import Any

import eventlet
from nameko.extensions import DependencyProvider

from chassis import codec
from chassis.publishing import ConfirmingPublisher, NotPublishedError

__all__ = ["Broadcast", "Broadcaster"]


class Broadcaster:
    """Sends to an exchange, over one connection of this process."""

    def __init__(self, amqp_uri: str, exchange: str) -> None:
        self._publisher = ConfirmingPublisher(amqp_uri)
        self._exchange = exchange
        self._sending = eventlet.semaphore.Semaphore(1)

    def send(self, messages: Iterable[Any]) -> None:
        """Send messages in order; they are with the broker when this returns.

        Raises:
            NotPublishedError: Some may not be. Send them all again.
        """
        bodies = [codec.encode(message) for message in messages]
        with self._sending:
            try:
                self._send(bodies)
            except NotPublishedError:
                # An idle connection may have been lost long ago.
                self._send(bodies)

    def _send(self, bodies: list[bytes]) -> None:
        for body in bodies:
            self._publisher.publish(self._exchange, "", body, is_mandatory=False)
        self._publisher.flush()

    def close(self) -> None:
        """Drop the connection."""
        self._publisher.close()


class Broadcast(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`Broadcaster` to an exchange that the operator declared."""

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange

    def setup(self) -> None:
        """Prepare; the first message connects."""
        self._broadcaster = Broadcaster(
            self.container.config["AMQP_URI"], self._exchange
        )

    def stop(self) -> None:
        """Drop the connection."""
        self._broadcaster.close()

    def get_dependency(self, _worker_ctx: Any) -> Broadcaster:
        """The same for every worker."""
        return self._broadcaster
