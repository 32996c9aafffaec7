"""Every event of the bus, heard by this process: for caches and streams.

One connection and one thread per process. The queue is this process's own and
gone with its connection, so a dead gateway leaves nothing behind. What happens
while there is no connection is not heard: ``on_gap`` says so, and whoever
cannot do without looks into the owner's log.
"""

import logging
import os
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from pika.exceptions import AMQPError
from pika.spec import BasicProperties

from chassis.rpc_connection import RpcConnection
from chassis.rpc_session import connection_parameters
from chassis.topology import (
    ORG_FEED_EXCHANGE,
    RPC_EXCHANGE,
    TOUCHED_EXCHANGE,
    event_exchange,
    private_queue,
    reply_key_prefix,
)

__all__ = ["Feed", "FeedEvent", "NumberedListener", "TouchedListener"]

logger = logging.getLogger(__name__)

_SERVICES: Final = ("auth", "customer", "sales", "analytics", "notify")
_MOST_WAITING: Final = 50_000
_FIRST_BACK_OFF_S: Final = 0.1
_LONGEST_BACK_OFF_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 3

NumberedListener = Callable[[str, list[dict[str, Any]]], None]
TouchedListener = Callable[[str, list[str]], None]


class FeedEvent(NamedTuple):
    """What an event says, without what only the bus needs."""

    id: str
    name: str
    org_id: str
    aggregate_type: str
    aggregate_id: str
    sequence: int
    owner_id: str | None
    acl: tuple[str, ...]
    occurred_at: str
    data: Mapping[str, Any]


class Feed:
    """Hears all events and hands each to its listeners, one after another.

    Listeners are called on the feed's thread, in the order in which the broker
    delivers: that of publication for the events of one record. They must be
    quick, and what they raise is logged. An event may come twice.

    Args:
        amqp_uri: ``pyamqp://user:password@host:port/vhost``.
        user: The broker user's name, which its private queues carry.
        most_waiting: So many events wait at the broker for a process that does
            not keep up; then it starts anew, with a gap.
    """

    def __init__(
        self,
        amqp_uri: str,
        user: str = "gateway",
        *,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._amqp_uri = amqp_uri
        self._user = user
        self._most_waiting = most_waiting
        self._listeners: list[Callable[[FeedEvent], None]] = []
        self._numbered: list[NumberedListener] = []
        self._touched: list[TouchedListener] = []
        self._on_gap: list[Callable[[], None]] = []
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._live = threading.Event()
        self._was_live = False
        self._thread: threading.Thread | None = None
        self._connection: RpcConnection | None = None
        self._lost_because = "closed"

    @property
    def is_live(self) -> bool:
        """Whether events are being heard.

        A connection that died without a word is noticed within a minute.
        """
        return self._live.is_set()

    def subscribe(
        self,
        listener: Callable[[FeedEvent], None],
        on_gap: Callable[[], None] | None = None,
    ) -> None:
        """Call ``listener`` with every event from now on.

        Args:
            listener: Called on the feed's thread.
            on_gap: Called on the feed's thread whenever events may have been
                missed: at each new connection, the first included, before its
                first event and before ``is_live`` is true.
        """
        self._listeners.append(listener)
        if on_gap is not None:
            self._on_gap.append(on_gap)

    def subscribe_numbered(
        self, listener: NumberedListener, on_gap: Callable[[], None]
    ) -> None:
        """Call ``listener`` with events that have their place in the org's feed.

        They come some milliseconds after the others, and only while
        svc_analytics runs. Positions of one organization have no hole, but
        pieces of its feed may come twice, or in another order.

        Args:
            listener: Called on the feed's thread with an organization's id and
                some of its events as svc_analytics' ``feed_news`` makes them.
            on_gap: As for ``subscribe``.
        """
        self._numbered.append(listener)
        self._on_gap.append(on_gap)

    def subscribe_touched(self, listener: TouchedListener) -> None:
        """Call ``listener`` with records that look different without a change.

        What is derived of other records, such as a count, has no version.

        Args:
            listener: Called on the feed's thread with an organization's id and
                the ids of some of its records.
        """
        self._touched.append(listener)

    def start(self) -> None:
        """Begin to listen, in this process; nothing if that has been done."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="feed", daemon=True
                )
                self._thread.start()

    def wait_until_live(self, timeout_s: float) -> bool:
        """Wait for the broker; whether it is there."""
        return self._live.wait(timeout_s)

    def close(self) -> None:
        """Stop listening; its queue goes with the connection."""
        with self._lock:
            self._closing.set()
            connection, thread = self._connection, self._thread
        if connection is not None:
            connection.end()
        if thread is not None:
            thread.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        back_off_s = _FIRST_BACK_OFF_S
        while not self._closing.is_set():
            self._was_live = False
            try:
                self._serve_one_connection()
            except (AMQPError, OSError) as error:
                self._lost_because = repr(error)
            finally:
                self._live.clear()
            if self._closing.is_set():
                return
            if self._was_live:
                back_off_s = _FIRST_BACK_OFF_S
            logger.warning(
                "The feed of events is interrupted; trying again.",
                extra={
                    "reason": self._lost_because,
                    "back_off_s": round(back_off_s, 1),
                },
            )
            self._closing.wait(back_off_s * random.uniform(0.5, 1))  # noqa: S311
            back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)

    def _serve_one_connection(self) -> None:
        connection = RpcConnection(
            connection_parameters(self._amqp_uri, f"{self._user}-feed-{os.getpid()}"),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
        )
        with self._lock:
            if self._closing.is_set():
                return
            self._connection = connection
        connection.run()

    # Everything below runs in the feed's thread.

    def _on_closed(self, _connection: RpcConnection, reason: object) -> None:
        self._lost_because = repr(reason)

    def _on_open(self, connection: RpcConnection) -> None:
        connection.channel(on_open_callback=self._declare)

    def _declare(self, channel: Any) -> None:
        """Make the queue, and one that tells when the first overflows."""
        unique = str(uuid.uuid4())
        queue = private_queue(self._user, unique)
        overflow = private_queue(self._user, f"{unique}-overflow")
        key = f"{reply_key_prefix(self._user)}{unique}"
        _close_with(channel)
        # The broker works these off in order, so only the last is waited for.
        channel.queue_declare(
            overflow, exclusive=True, auto_delete=True, arguments={"x-max-length": 1}
        )
        channel.queue_bind(overflow, RPC_EXCHANGE, routing_key=key)
        channel.queue_declare(
            queue,
            exclusive=True,
            auto_delete=True,
            arguments={
                "x-max-length": self._most_waiting,
                "x-dead-letter-exchange": RPC_EXCHANGE,
                "x-dead-letter-routing-key": key,
            },
        )
        for service in _SERVICES:
            channel.queue_bind(queue, event_exchange(service), routing_key="#")
        channel.queue_bind(queue, ORG_FEED_EXCHANGE)
        channel.queue_bind(queue, TOUCHED_EXCHANGE)
        connection = channel.connection
        channel.basic_consume(
            overflow,
            self._on_overflow,
            auto_ack=True,
            callback=lambda _: connection.channel(
                on_open_callback=lambda feed: self._listen(feed, queue)
            ),
        )

    def _listen(self, channel: Any, queue: str) -> None:
        """Consume on a channel whose deliveries the library does not see."""
        _close_with(channel)
        channel.connection.take_replies(channel.channel_number, self._on_message)
        channel.basic_consume(
            queue, _unexpected, auto_ack=True, callback=lambda _: self._on_ready()
        )

    def _on_ready(self) -> None:
        for on_gap in self._on_gap:
            _tell(on_gap)
        self._was_live = True
        self._live.set()

    def _on_overflow(self, channel: Any, *_: object) -> None:
        logger.warning("The feed did not keep up; it starts anew.")
        channel.connection.end()

    def _on_message(self, _properties: BasicProperties, body: bytes) -> None:
        try:
            message = orjson.loads(body)
            event = (
                None if "events" in message or "touched" in message else _event(message)
            )
            org_id = str(message["org_id"])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # svc_analytics parks it among the dead letters.
            logger.warning("not an event", extra={"error": type(error).__name__})
            return
        if event is not None:
            for listener in self._listeners:
                _tell(listener, event)
        for numbered in self._numbered if "events" in message else ():
            _tell(numbered, org_id, message["events"])
        for touched in self._touched if "touched" in message else ():
            _tell(touched, org_id, message["touched"])


def _event(envelope: Mapping[str, Any]) -> FeedEvent:
    aggregate, visibility = envelope["aggregate"], envelope["visibility"]
    return FeedEvent(
        envelope["id"],
        envelope["event"],
        envelope["org_id"],
        aggregate["type"],
        aggregate["id"],
        envelope["sequence"],
        visibility.get("owner_id"),
        tuple(visibility.get("acl", ())),
        envelope["occurred_at"],
        envelope["data"],
    )


def _tell(listener: Callable[..., None], *news: object) -> None:
    try:
        listener(*news)
    except Exception:
        # One listener's fault must not make the others deaf.
        logger.exception("A listener of the feed failed.")


def _close_with(channel: Any) -> None:
    """Close the connection as soon as its channel or consumer is lost."""
    channel.add_on_close_callback(_close_connection)
    channel.add_on_cancel_callback(lambda _: channel.close())


def _close_connection(channel: Any, _reason: object) -> None:
    if channel.connection.is_open:
        channel.connection.close()


def _unexpected(*_: object) -> None:
    raise AssertionError("The connection takes events before pika sees them.")
