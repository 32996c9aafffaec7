"""Publishing with confirms, many messages in one window.

py-amqp's own confirm mode waits for each message; here a window of messages
is sent and their confirms are collected together.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import amqp
from amqp.exceptions import AMQPError

from chassis import codec

__all__ = ["ConfirmingPublisher", "NotPublishedError", "UnblockedConnection"]

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 3
_CONFIRM_TIMEOUT_S: Final = 5


class NotPublishedError(Exception):
    """Some messages of the window are not known to be safe with the broker."""


class UnblockedConnection(amqp.Connection):  # type: ignore[misc]
    """Does without the broker's notice that it blocks publishers.

    With ``connection.blocked`` negotiated py-amqp reads the socket before every
    publish, in whatever thread that is. A broker in alarm withholds its
    confirms instead, and those have a limit.
    """

    negotiate_capabilities = {  # noqa: RUF012 - py-amqp's own attribute
        "consumer_cancel_notify": True,
        "authentication_failure_close": True,
    }


class ConfirmingPublisher:
    """One connection of one thread; connects when needed, again after an error.

    Args:
        amqp_uri: ``pyamqp://user:password@host:port/vhost``.
    """

    def __init__(self, amqp_uri: str) -> None:
        self._uri = urlsplit(amqp_uri)
        self._connection: Any = None
        self._channel: Any = None
        self._tag = 0
        self._unconfirmed: set[int] = set()
        self._refused = 0

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, Any] | None = None,
        is_mandatory: bool = True,
    ) -> None:
        """Send a persistent message; :meth:`flush` says if it arrived.

        Args:
            exchange: Where to.
            routing_key: For whom.
            body: JSON.
            message_id: What tells a repetition.
            headers: What else to say.
            is_mandatory: Whether some queue must take it.

        Raises:
            NotPublishedError: There is no connection; nothing of the current
                window is known to be safe.
        """
        message = amqp.Message(
            body,
            content_type=codec.CONTENT_TYPE,
            content_encoding=codec.CONTENT_ENCODING,
            delivery_mode=2,
            message_id=message_id,
            application_headers=dict(headers or {}),
        )
        try:
            if self._connection is None:
                self._connect()
            self._channel.basic_publish(
                message,
                exchange=exchange,
                routing_key=routing_key,
                mandatory=is_mandatory,
            )
        except (OSError, AMQPError) as error:
            self._give_up(error)
        self._tag += 1
        self._unconfirmed.add(self._tag)

    def flush(self) -> None:
        """Wait until the broker has confirmed everything sent.

        Raises:
            NotPublishedError: Something was refused, could not be routed, or
                was not confirmed within five seconds. Send it all again.
        """
        try:
            while self._unconfirmed:
                self._connection.drain_events(timeout=_CONFIRM_TIMEOUT_S)
        except (OSError, AMQPError) as error:
            self._give_up(error)
        refused, self._refused = self._refused, 0
        if refused:
            raise NotPublishedError(f"{refused} messages were refused or unroutable.")

    def close(self) -> None:
        """Drop the connection; the next publish makes a new one."""
        connection, self._connection = self._connection, None
        self._unconfirmed.clear()
        self._refused = 0
        if connection is not None:
            try:
                connection.collect()
            except (OSError, AMQPError) as error:
                logger.debug("connection not closed", extra={"error": repr(error)})

    def connect(self) -> None:
        """Connect now rather than with the first message.

        Raises:
            NotPublishedError: The broker cannot be reached or refuses us.
        """
        try:
            self._connect()
        except (OSError, AMQPError) as error:
            self._give_up(error)

    def _connect(self) -> None:
        connection = UnblockedConnection(
            host=f"{self._uri.hostname}:{self._uri.port or 5672}",
            userid=unquote(self._uri.username or ""),
            password=unquote(self._uri.password or ""),
            virtual_host=unquote(self._uri.path[1:]),
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_CONFIRM_TIMEOUT_S,
            write_timeout=_CONFIRM_TIMEOUT_S,
        )
        connection.connect()
        channel = connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_confirm)
        channel.events["basic_nack"].add(self._on_refusal)
        channel.events["basic_return"].add(self._on_return)
        self._connection, self._channel, self._tag = connection, channel, 0

    def _give_up(self, error: Exception) -> None:
        self.close()
        raise NotPublishedError(repr(error)) from error

    def _on_confirm(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        if multiple:
            self._unconfirmed = {other for other in self._unconfirmed if other > tag}
        else:
            self._unconfirmed.discard(tag)

    def _on_refusal(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        before = len(self._unconfirmed)
        self._on_confirm(tag, multiple)
        self._refused += before - len(self._unconfirmed)

    def _on_return(self, error: Any, exchange: str, routing_key: str, _: Any) -> None:
        self._refused += 1
        logger.error(
            "message cannot be routed",
            extra={
                "exchange": exchange,
                "routing_key": routing_key,
                "error": str(error),
            },
        )
