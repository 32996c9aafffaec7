"""Whether anybody serves a queue: the breaker behind ``chassis.rpc_client``.

A passive declare answers a queue's number of consumers and needs no right to
configure it. Two empty answers in a row make a service dead; requests to a
dead service are held for one more probe each, so its return is noticed by the
first request after it.

Everything here runs in the client's I/O thread.
"""

from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Final

import pika
from pika.exceptions import ChannelClosedByBroker

__all__ = ["ConsumerWatch"]

_PROBE_EVERY_S: Final = 0.5
_PROBES_THAT_CONVINCE: Final = 2
_NOT_FOUND: Final = 404


class ConsumerWatch:
    """Probes the queues of services whose answers are overdue.

    Args:
        connection: Lives exactly as long as this watch.
        overdue: Names the services that owe an answer for too long; ``None``
            when no call at all is under way, which stops the polling.
        on_probed: Told after every probe which service it was.
    """

    def __init__(
        self,
        connection: pika.SelectConnection,
        overdue: Callable[[], Collection[str] | None],
        on_probed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._overdue = overdue
        self._on_probed = on_probed
        self._channel: Any = None
        self._is_timer_set = False
        self._empty_probes: dict[str, int] = {}
        self._queue: deque[str] = deque()
        self._probed: str | None = None
        self._open_channel()

    def is_dead(self, service: str) -> bool:
        """Whether the last probes agreed that nobody serves it."""
        return self._empty_probes.get(service, 0) >= _PROBES_THAT_CONVINCE

    def saw_answer(self, service: str) -> None:
        """Take an answer as proof of life."""
        self._empty_probes.pop(service, None)

    def wake(self) -> None:
        """Look after overdue answers from now on, while there are any calls."""
        if not self._is_timer_set:
            self._is_timer_set = True
            self._connection.ioloop.call_later(_PROBE_EVERY_S, self._tick)

    def probe(self, service: str) -> None:
        """Ask for the consumers of ``service``, after the probes under way."""
        if service != self._probed and service not in self._queue:
            self._queue.append(service)
            self._probe_next()

    def _tick(self) -> None:
        self._is_timer_set = False
        overdue = self._overdue()
        if overdue is None:
            return
        for service in overdue:
            self.probe(service)
        self.wake()

    def _open_channel(self) -> None:
        self._connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        channel.add_on_close_callback(self._on_channel_closed)
        self._channel = channel
        self._probe_next()

    def _on_channel_closed(self, _channel: Any, reason: Exception) -> None:
        # The broker answers a passive declare of a queue that does not exist,
        # or that we may not read, by closing the channel.
        self._channel = None
        if not self._connection.is_open:
            return
        service, self._probed = self._probed, None
        self._open_channel()
        if service is None or not isinstance(reason, ChannelClosedByBroker):
            return
        if reason.reply_code == _NOT_FOUND:
            self._empty_probes[service] = _PROBES_THAT_CONVINCE
        self._on_probed(service)

    def _probe_next(self) -> None:
        if self._channel is None or self._probed is not None or not self._queue:
            return
        self._probed = self._queue.popleft()
        self._channel.queue_declare(
            f"rpc-{self._probed}", passive=True, callback=self._on_declared
        )

    def _on_declared(self, frame: Any) -> None:
        service, self._probed = self._probed, None
        if service is None:
            return
        if frame.method.consumer_count:
            self._empty_probes.pop(service, None)
        else:
            self._empty_probes[service] = self._empty_probes.get(service, 0) + 1
        self._on_probed(service)
        self._probe_next()
