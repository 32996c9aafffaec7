"""Whether anybody serves a queue, and whether it is awake.

A passive declare answers a queue's number of consumers and needs no right to
configure it. Two empty answers in a row make a service dead. A process that is
stopped, or hangs, consumes all the same: so every process of a service also
listens for echo requests, which its consumer answers at once however busy the
workers are. An echo that nobody answers makes a service dead as well.

Requests to a dead service are held for one more probe each, so its return is
noticed by the first request after it.

Everything but :meth:`wake` and the questions runs in the client's I/O thread.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Final

from pika.exceptions import ChannelClosedByBroker

from chassis.rpc_connection import RpcConnection
from chassis.topology import rpc_queue

__all__ = ["Liveness"]

logger = logging.getLogger(__name__)

_PROBE_EVERY_S: Final = 0.5
_PROBES_THAT_CONVINCE: Final = 2
_NOT_FOUND: Final = 404
# With the half second until the first probe, well within two seconds.
_SILENCE_S: Final = 1.1
# How long requests to a service that was silent wait for its first echo.
_SECOND_CHANCE_S: Final = 0.1


class Liveness:
    """Probes the services whose answers are overdue.

    Args:
        connection: Lives exactly as long as this.
        send_echo: Sends an echo request to a service; an answer is told by
            :meth:`saw_answer`, that no process listens by
            :meth:`has_no_echo`.
        overdue: Names the services that owe an answer for too long; ``None``
            when no call at all is under way, which stops the polling.
        on_probed: Told which service's state is known anew.
    """

    def __init__(
        self,
        connection: RpcConnection,
        send_echo: Callable[[str, float], None],
        overdue: Callable[[], Collection[str] | None],
        on_probed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._send_echo = send_echo
        self._overdue = overdue
        self._on_probed = on_probed
        self._channel: Any = None
        self._is_timer_set = False
        self._empty_probes: dict[str, int] = {}
        self._silent: set[str] = set()
        self._echoes: dict[str, float] = {}
        self._queue: deque[str] = deque()
        self._probed: str | None = None
        self._open_channel()

    @property
    def dead(self) -> frozenset[str]:
        """The services that nobody serves, or nobody who is awake."""
        return frozenset(filter(self.is_dead, {*self._empty_probes, *self._silent}))

    def is_dead(self, service: str) -> bool:
        """Whether the last probes agreed that nobody serves it."""
        is_empty = self._empty_probes.get(service, 0) >= _PROBES_THAT_CONVINCE
        return is_empty or service in self._silent

    def saw_answer(self, service: str) -> None:
        """Take an answer, to a call or to an echo, as proof of life."""
        self._empty_probes.pop(service, None)
        self._echoes.pop(service, None)
        if service in self._silent:
            logger.warning("service echoes again", extra={"service": service})
            self._silent.discard(service)
            self._on_probed(service)

    def has_no_echo(self, service: str) -> None:
        """Nobody listens for echoes: a stock service, or none at all.

        The number of its consumers decides.
        """
        self._echoes.pop(service, None)
        self._silent.discard(service)

    def wake(self) -> None:
        """Look after overdue answers from now on, while there are any calls.

        From any thread; two at once set two timers, which does no harm.
        """
        if not self._is_timer_set:
            self._is_timer_set = True
            self._connection.call_later(_PROBE_EVERY_S, self._tick)

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
            rpc_queue(self._probed), passive=True, callback=self._on_declared
        )

    def _on_declared(self, frame: Any) -> None:
        service, self._probed = self._probed, None
        if service is None:
            return
        if not frame.method.consumer_count:
            self._empty_probes[service] = self._empty_probes.get(service, 0) + 1
            self._on_probed(service)
        else:
            self._empty_probes.pop(service, None)
            self._ask_for_echo(service)
        self._probe_next()

    def _ask_for_echo(self, service: str) -> None:
        if service not in self._echoes:
            self._echoes[service] = sent_at = time.monotonic()
            self._send_echo(service, _SILENCE_S)
            self._connection.call_later(
                _SILENCE_S, lambda: self._on_silence(service, sent_at)
            )
        if service in self._silent:
            self._connection.call_later(
                _SECOND_CHANCE_S, lambda: self._on_probed(service)
            )
        else:
            self._on_probed(service)

    def _on_silence(self, service: str, sent_at: float) -> None:
        if self._echoes.get(service) == sent_at:
            del self._echoes[service]
            self._silent.add(service)
            logger.warning("service does not echo", extra={"service": service})
            self._on_probed(service)
