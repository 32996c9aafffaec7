"""Talking to the broker as the operator, who may do anything there."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import OPERATOR

__all__ = [
    "QueueDepth",
    "connection_parameters",
    "operator_connection",
    "operator_uri",
    "queue_depth",
]

_NOT_FOUND: Final = 404
_TIMEOUT_S: Final = 15

# What becomes of a connection is told by the exception.
logging.getLogger("pika").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class QueueDepth:
    """What waits in a queue, and how many consume it.

    Attributes:
        messages: Without those that a consumer holds at the moment; None if
            there is no such queue.
    """

    name: str
    messages: int | None
    consumers: int


def connection_parameters(amqp_uri: str) -> pika.ConnectionParameters:
    """How to connect; nothing waits without end."""
    uri = urlsplit(amqp_uri)
    return pika.ConnectionParameters(
        host=uri.hostname,
        port=uri.port or 5672,
        virtual_host=unquote(uri.path[1:]) or "/",
        credentials=pika.PlainCredentials(
            unquote(uri.username or ""), unquote(uri.password or "")
        ),
        socket_timeout=3,
        blocked_connection_timeout=10,
    )


def operator_uri(paths: StatePaths, name: str) -> str:
    """One of the operator's URIs: ``amqp_uri`` or ``mongo_uri``.

    Raises:
        StackError: The stack was never started.
    """
    path = paths.secrets_of(OPERATOR) / name
    if not path.is_file():
        raise StackError("The stack was never started. Start it with `./crm up`.")
    return path.read_text().strip()


@contextlib.contextmanager
def operator_connection(
    paths: StatePaths, timeout_s: float = _TIMEOUT_S
) -> Iterator[Any]:
    """A connection for the length of a ``with``; what it holds unacknowledged returns.

    Args:
        paths: The stack's.
        timeout_s: The most that connecting may take.

    Raises:
        StackError: The broker cannot be reached, or went away meanwhile.
    """
    parameters = connection_parameters(operator_uri(paths, "amqp_uri"))
    parameters.stack_timeout = timeout_s
    parameters.socket_timeout = min(timeout_s, parameters.socket_timeout)
    try:
        connection = pika.BlockingConnection(parameters)
    except (AMQPError, OSError) as error:
        raise StackError(
            f"RabbitMQ at {parameters.host}:{parameters.port} does not answer "
            f"({type(error).__name__}). See `./crm status`."
        ) from error
    try:
        yield connection
    except AMQPError as error:
        raise StackError(
            f"RabbitMQ went away meanwhile ({error!r}). What had not been settled is "
            "still where it was; run the command again."
        ) from error
    finally:
        if connection.is_open:
            connection.close()


def queue_depth(connection: Any, queue: str) -> QueueDepth:
    """Ask a queue without touching it."""
    channel = connection.channel()
    try:
        answer = channel.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        return QueueDepth(queue, None, 0)
    channel.close()
    return QueueDepth(queue, answer.message_count, answer.consumer_count)
