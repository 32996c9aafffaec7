"""The gateway's RPC client: Nameko's wire protocol without Nameko.

One connection and one I/O thread per process, any number of calling threads.
Callers encode and write their request themselves and wait; the I/O thread
reads, and hands each reply to its caller, who decodes it. Only ``threading``
primitives are used, so it works under green threads as well.

An RPC queue outlives its service, so a request to a dead service would wait
in silence. While an answer is overdue the client therefore watches whether the
queue has consumers, and whether one of them echoes, and fails what waits for a
service that has none (``chassis.liveness``). A service that echoes but answers
nothing is left in peace for a while (``chassis.breaker``), and no service may
take up all the calls in flight.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
from pika.exceptions import AMQPError
from pika.spec import BasicProperties

from chassis.breaker import BreakerState
from chassis.call_table import CallTable
from chassis.calls import (
    PendingCall,
    Reply,
    broker_unavailable,
    service_unavailable,
)
from chassis.liveness import Liveness
from chassis.rpc_connection import RpcConnection
from chassis.rpc_session import (
    Session,
    connection_parameters,
    open_session,
)
from chassis.topology import echo_key

__all__ = ["PendingCall", "Reply", "RpcClient"]

logger = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S: Final = 3
_FIRST_BACK_OFF_S: Final = 0.1
_LONGEST_BACK_OFF_S: Final = 5.0
_WAIT_FOR_BROKER_S: Final = 1.0
_LONGEST_IN_QUEUE_MS: Final = 2_000
_OVERDUE_S: Final = 0.2
_ECHO: Final = "echo:"


class RpcClient:
    """Calls services from many threads over one connection.

    It connects with ``connect`` or the first call, in the process that makes
    it, and reconnects by itself. Requests are never sent twice: after a lost
    connection the outcome of what was under way is unknown, and the callers
    are told so.

    Args:
        amqp_uri: ``pyamqp://user:password@host:port/vhost``.
        name: The broker user's name; its reply queues carry it, and the
            broker's rights allow no other.
        max_in_flight: Calls beyond this many are refused at once.
        max_per_service: The same for one service, so that its slowness does
            not use up what the others need.
    """

    def __init__(
        self,
        amqp_uri: str,
        name: str,
        *,
        max_in_flight: int = 256,
        max_per_service: int = 192,
    ) -> None:
        self._amqp_uri = amqp_uri
        self._name = name
        self._max_in_flight = max_in_flight
        self._max_per_service = max_per_service
        self._reset()
        # A fork copies the parent's connection, which is not the child's to use.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._unconnected_since = 0.0
        self._blocked = False
        self._session: Session | None = None
        self._liveness: Liveness | None = None
        self._calls = CallTable(self._max_in_flight, self._max_per_service)
        self._held: list[PendingCall] = []
        self._connection: RpcConnection | None = None
        self._disconnect_reason = "closed"

    @property
    def is_connected(self) -> bool:
        """Whether calls can be sent now; false before the first one."""
        return self._session is not None and not self._blocked

    @property
    def in_flight(self) -> int:
        """How many calls wait for an answer."""
        return len(self._calls)

    def breakers(self) -> dict[str, BreakerState]:
        """The state of every service that was called, for people to see."""
        liveness = self._liveness
        dead = frozenset() if liveness is None else liveness.dead
        return self._calls.states() | dict.fromkeys(dead, BreakerState.OPEN)

    def call(
        self,
        service: str,
        method: str,
        *,
        kwargs: Mapping[str, Any],
        context: Mapping[str, str],
        timeout_s: float,
    ) -> Reply:
        """Call ``service.method`` and wait for its answer.

        Args:
            service: The Nameko service's name.
            method: The name of one of its RPC methods.
            kwargs: JSON primitives.
            context: Nameko's context data. ``deadline`` is added from
                ``timeout_s`` unless it is there.
            timeout_s: How long the answer is waited for.

        Raises:
            WireError: What the service refused with.
            RemoteError: The service failed unexpectedly.
            DeadlineExceededError: ``deadline_exceeded``; the work may still
                be done if it had started.
            UnavailableError: ``broker_unavailable`` (not connected, or lost
                while waiting: the outcome is unknown), ``service_unavailable``
                (nobody serves it, or its breaker is open), ``too_busy`` (too
                many calls in flight, in all or to this service).
        """
        return self.begin(
            service, method, kwargs=kwargs, context=context, timeout_s=timeout_s
        ).result()

    def begin(
        self,
        service: str,
        method: str,
        *,
        kwargs: Mapping[str, Any],
        context: Mapping[str, str],
        timeout_s: float,
    ) -> PendingCall:
        """Send a request and come back at once; arguments as for ``call``.

        Every call begun must be waited for with ``result``, or it stays
        in flight until its answer comes.

        Raises:
            UnavailableError: ``broker_unavailable``, ``service_unavailable``,
                ``too_busy``.
        """
        deadline = time.monotonic() + timeout_s
        call = PendingCall(service, method, deadline, self._calls.give_up)
        call.body = orjson.dumps({"args": [], "kwargs": kwargs})
        headers: dict[str, Any] = {
            f"nameko.{key}": value for key, value in context.items()
        }
        headers["nameko.call_id_stack"] = [
            f"{self._name}.{method}.{call.correlation_id}"
        ]
        headers.setdefault("nameko.deadline", f"{time.time() + timeout_s:.3f}")
        call.headers = headers
        if self._session is None:
            self._start()
            self._wait_for_connection(deadline)
        self._submit(call)
        return call

    def connect(self, timeout_s: float) -> bool:
        """Connect before the first call; whether the broker is there by then.

        It goes on trying after that. Called again, it waits for what is under
        way. For a process that starts beside others: until a call has been
        made it has no reason to hurry, and the first callers would pay for it.
        """
        self._start()
        return self._connected.wait(timeout_s)

    def close(self) -> None:
        """Fail what waits, close the connection and stop the I/O thread."""
        with self._lock:
            self._closing.set()
            connection, thread = self._connection, self._thread
        if connection is not None:
            connection.end()
        if thread is not None:
            thread.join(_CLOSE_TIMEOUT_S)

    def _start(self) -> None:
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            if is_running or self._closing.is_set():
                return
            logging.getLogger("pika").setLevel(logging.CRITICAL)
            self._unconnected_since = time.monotonic()
            self._thread = threading.Thread(
                target=self._run, name="rpc-client", daemon=True
            )
            self._thread.start()

    def _wait_for_connection(self, deadline: float) -> None:
        give_up_at = min(deadline, self._unconnected_since + _WAIT_FOR_BROKER_S)
        self._connected.wait(max(give_up_at - time.monotonic(), 0))

    def _submit(self, call: PendingCall) -> None:
        session, liveness = self._session, self._liveness
        is_usable = not (self._blocked or self._closing.is_set())
        if session is None or liveness is None or not is_usable:
            raise broker_unavailable()
        self._calls.admit(call)
        if self._session is not session and self._calls.take(call.correlation_id):
            # The connection was lost, and its calls swept away, before this one.
            raise broker_unavailable()
        liveness.wake()
        if liveness.is_dead(call.service):
            self._hold(session, liveness, call)
        else:
            self._publish(session, call)

    def _hold(self, session: Session, liveness: Liveness, call: PendingCall) -> None:
        with self._lock:
            self._held.append(call)
        session.connection.call_soon(lambda: liveness.probe(call.service))
        # Answered or returned at once, either of which wakes the reader.
        self._send_echo(call.service, _OVERDUE_S)

    def _run(self) -> None:
        back_off_s = _FIRST_BACK_OFF_S
        while not self._closing.is_set():
            try:
                self._serve_one_connection()
            except (AMQPError, OSError) as error:
                self._disconnect_reason = repr(error)
            finally:
                was_connected = self._sweep()
            if self._closing.is_set():
                return
            if was_connected:
                back_off_s = _FIRST_BACK_OFF_S
            logger.warning(
                "The broker is not connected; trying again.",
                extra={
                    "reason": self._disconnect_reason,
                    "back_off_s": round(back_off_s, 1),
                },
            )
            self._closing.wait(back_off_s * random.uniform(0.5, 1))  # noqa: S311
            back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)

    def _serve_one_connection(self) -> None:
        connection = RpcConnection(
            connection_parameters(self._amqp_uri, f"{self._name}-{os.getpid()}"),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
        )
        with self._lock:
            if self._closing.is_set():
                return
            self._connection = connection
        connection.run()

    def _sweep(self) -> bool:
        """Fail everything that waits; whether there was a connection."""
        with self._lock:
            was_connected = self._session is not None
            self._connection = self._session = self._liveness = None
            self._held.clear()
            self._blocked = False
            self._connected.clear()
            if was_connected:
                self._unconnected_since = time.monotonic()
        lost = self._calls.take_all()
        for call in lost:
            call.resolve(broker_unavailable())
        return was_connected

    def _send_echo(self, service: str, within_s: float) -> None:
        session = self._session
        if session is not None:
            properties = BasicProperties(
                content_type="application/json",
                delivery_mode=1,
                correlation_id=f"{_ECHO}{service}",
                reply_to=session.reply_key,
                expiration=str(int(within_s * 1_000)),
            )
            self._send(session, echo_key(service), properties, b"{}")

    def _publish(self, session: Session, call: PendingCall) -> None:
        now = time.monotonic()
        remaining_ms = int((call.deadline - now) * 1_000)
        if call not in self._calls or remaining_ms <= 0:
            return
        call.sent_at = now
        properties = BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            headers=call.headers,
            delivery_mode=1,
            correlation_id=call.correlation_id,
            reply_to=session.reply_key,
            expiration=str(min(remaining_ms, _LONGEST_IN_QUEUE_MS)),
        )
        self._send(session, f"{call.service}.{call.method}", properties, call.body)

    @staticmethod
    def _send(
        session: Session, routing_key: str, properties: BasicProperties, body: bytes
    ) -> None:
        try:
            session.publish(routing_key, properties, body)
        except OSError as error:
            # The reader notices, too, and tells everybody who waits.
            logger.debug("not sent", extra={"error": repr(error)})

    # Everything below runs in the I/O thread.

    def _on_closed(self, _connection: RpcConnection, reason: object) -> None:
        self._disconnect_reason = repr(reason)

    def _on_open(self, connection: RpcConnection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        open_session(
            connection,
            self._name,
            on_ready=self._on_ready,
            on_reply=self._on_reply,
            on_return=self._on_return,
        )

    def _on_blocked(self, *_: object) -> None:
        logger.warning("The broker blocks publishers.")
        self._blocked = True

    def _on_unblocked(self, *_: object) -> None:
        self._blocked = False

    def _on_ready(self, session: Session) -> None:
        with self._lock:
            self._session = session
            self._liveness = Liveness(
                session.connection, self._send_echo, self._overdue, self._on_probed
            )
        self._connected.set()

    def _on_reply(self, properties: BasicProperties, body: bytes) -> None:
        identity = properties.correlation_id or ""
        call = self._calls.take(identity, is_answered=True)
        service = identity.removeprefix(_ECHO) if call is None else call.service
        if self._liveness is not None:
            self._liveness.saw_answer(service)
        if call is not None:
            call.resolve((body, properties.headers or {}))

    def _on_return(
        self, _channel: Any, _method: Any, properties: BasicProperties, _body: bytes
    ) -> None:
        identity = properties.correlation_id or ""
        if identity.startswith(_ECHO) and self._liveness is not None:
            self._liveness.has_no_echo(identity.removeprefix(_ECHO))
        call = self._calls.take(identity)
        if call is not None:
            call.resolve(service_unavailable(call.service))

    def _overdue(self) -> set[str] | None:
        return self._calls.overdue(_OVERDUE_S)

    def _on_probed(self, service: str) -> None:
        session, liveness = self._session, self._liveness
        if session is None or liveness is None:
            return
        with self._lock:
            held = [call for call in self._held if call.service == service]
            self._held = [call for call in self._held if call.service != service]
        if liveness.is_dead(service):
            for call in self._calls.take_all(service):
                call.resolve(service_unavailable(service))
        else:
            for call in held:
                self._publish(session, call)
