"""A connection ready to send requests and to be sent replies.

Names and keys are what the broker's rights allow a user: reply queues
``rpc.reply-<user>-*`` bound with ``reply.<user>.*``, and nothing else.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pika
from pika.spec import BasicProperties

from chassis.rpc_connection import RpcConnection
from chassis.topology import RPC_EXCHANGE, private_queue, reply_key_prefix

__all__ = ["Session", "connection_parameters", "open_session"]

_HEARTBEAT_S: Final = 20
_CONNECT_TIMEOUT_S: Final = 3


@dataclass(frozen=True)
class Session:
    """What belongs to one connection, replaced as a whole."""

    connection: RpcConnection
    channel: Any
    reply_key: str

    def publish(
        self, routing_key: str, properties: BasicProperties, body: bytes
    ) -> None:
        """Send a mandatory message; from any thread.

        Raises:
            OSError: The connection is lost.
        """
        number = self.channel.channel_number
        self.connection.publish(number, RPC_EXCHANGE, routing_key, properties, body)


def connection_parameters(amqp_uri: str, connection_name: str) -> pika.URLParameters:
    """Read a Nameko URI: it names kombu's transport, which pika does not know."""
    parameters = pika.URLParameters(amqp_uri.replace("pyamqp://", "amqp://", 1))
    parameters.heartbeat = _HEARTBEAT_S
    parameters.socket_timeout = _CONNECT_TIMEOUT_S
    parameters.stack_timeout = _CONNECT_TIMEOUT_S
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": connection_name}
    return parameters


def open_session(
    connection: RpcConnection,
    name: str,
    *,
    on_ready: Callable[[Session], None],
    on_reply: Callable[[BasicProperties, bytes], None],
    on_return: Callable[..., None],
) -> None:
    """Open a channel and its reply queue, gone with the connection.

    The connection is closed as soon as the channel or its consumer is lost:
    a client without them would be deaf, and a new connection makes all anew.
    """

    def use(channel: Any) -> None:
        unique = str(uuid.uuid4())
        queue = private_queue(name, unique)
        session = Session(connection, channel, f"{reply_key_prefix(name)}{unique}")
        channel.add_on_close_callback(_close_connection)
        channel.add_on_cancel_callback(lambda _: channel.close())
        channel.add_on_return_callback(on_return)
        connection.take_replies(channel.channel_number, on_reply)
        # The broker works these off in order, so only the last is waited for.
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        channel.queue_bind(queue, RPC_EXCHANGE, routing_key=session.reply_key)
        channel.basic_consume(
            queue, _unexpected, auto_ack=True, callback=lambda _: on_ready(session)
        )

    connection.channel(on_open_callback=use)


def _close_connection(channel: Any, _reason: object) -> None:
    if channel.connection.is_open:
        channel.connection.close()


def _unexpected(*_: object) -> None:
    raise AssertionError("The connection takes replies before pika sees them.")
