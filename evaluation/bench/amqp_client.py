"""The road not taken: a client of many threads over one py-amqp connection.

It sends and checks what ``chassis.rpc_client`` does, so that the two can be
compared (docs/adr/0010-pika.md). Callers write to the socket themselves, one
at a time, and a thread of its own reads. It lacks what costs little while all
is well: heartbeats, reconnecting, and finding out that a service is gone.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import amqp
import orjson
from amqp.exceptions import AMQPError

from chassis.calls import (
    PendingCall,
    Reply,
    broker_unavailable,
    service_unavailable,
    too_busy,
)
from chassis.publishing import UnblockedConnection
from chassis.topology import RPC_EXCHANGE, private_queue, reply_key_prefix

__all__ = ["AmqpClient"]

_CONNECT_TIMEOUT_S: Final = 3
_LONGEST_IN_QUEUE_MS: Final = 2_000


class AmqpClient:
    """Calls services from many threads over one connection, made at once."""

    def __init__(self, amqp_uri: str, name: str, *, max_in_flight: int = 256) -> None:
        uri = urlsplit(amqp_uri)
        self._name = name
        self._max_in_flight = max_in_flight
        self._lock = threading.Lock()
        self._publishing = threading.Lock()
        self._pending: dict[str, PendingCall] = {}
        self._is_open = True
        self._connection = UnblockedConnection(
            host=f"{uri.hostname}:{uri.port or 5672}",
            userid=unquote(uri.username or ""),
            password=unquote(uri.password or ""),
            virtual_host=unquote(uri.path[1:]),
            connect_timeout=_CONNECT_TIMEOUT_S,
        )
        self._open_session()
        threading.Thread(target=self._read, name="amqp-client", daemon=True).start()

    def _open_session(self) -> None:
        self._connection.connect()
        self._channel = self._connection.channel()
        unique = str(uuid.uuid4())
        queue = private_queue(self._name, unique)
        self._reply_key = f"{reply_key_prefix(self._name)}{unique}"
        self._channel.queue_declare(queue, exclusive=True, auto_delete=True)
        self._channel.queue_bind(queue, RPC_EXCHANGE, self._reply_key)
        self._channel.basic_consume(queue, no_ack=True, callback=self._on_reply)
        self._channel.events["basic_return"].add(self._on_return)

    def call(
        self,
        service: str,
        method: str,
        *,
        kwargs: Mapping[str, Any],
        context: Mapping[str, str],
        timeout_s: float,
    ) -> Reply:
        """As ``chassis.rpc_client.RpcClient.call``."""
        call = PendingCall(service, method, time.monotonic() + timeout_s, self._forget)
        headers: dict[str, Any] = {
            f"nameko.{key}": value for key, value in context.items()
        }
        identity = f"{self._name}.{method}.{call.correlation_id}"
        headers["nameko.call_id_stack"] = [identity]
        headers.setdefault("nameko.deadline", f"{time.time() + timeout_s:.3f}")
        message = amqp.Message(
            orjson.dumps({"args": [], "kwargs": kwargs}),
            content_type="application/json",
            content_encoding="utf-8",
            application_headers=headers,
            delivery_mode=1,
            correlation_id=call.correlation_id,
            reply_to=self._reply_key,
            expiration=str(min(int(timeout_s * 1_000), _LONGEST_IN_QUEUE_MS)),
        )
        self._remember(call)
        self._publish(message, f"{service}.{method}")
        return call.result()

    def close(self) -> None:
        """Close the connection; the reader ends with it."""
        self._is_open = False
        self._connection.collect()

    def _remember(self, call: PendingCall) -> None:
        with self._lock:
            if not self._is_open:
                raise broker_unavailable()
            if len(self._pending) >= self._max_in_flight:
                raise too_busy()
            self._pending[call.correlation_id] = call

    def _publish(self, message: amqp.Message, routing_key: str) -> None:
        try:
            with self._publishing:
                self._channel.basic_publish(
                    message, RPC_EXCHANGE, routing_key, mandatory=True
                )
        except (OSError, AMQPError) as error:
            raise broker_unavailable() from error

    def _forget(self, call: PendingCall) -> bool:
        return self._take(call.correlation_id) is not None

    def _take(self, correlation_id: str) -> PendingCall | None:
        with self._lock:
            return self._pending.pop(correlation_id, None)

    def _read(self) -> None:
        try:
            while self._is_open:
                self._connection.drain_events()
        except (OSError, AMQPError):
            with self._lock:
                self._is_open = False
                lost = list(self._pending.values())
                self._pending.clear()
            for call in lost:
                call.resolve(broker_unavailable())

    def _on_reply(self, message: amqp.Message) -> None:
        call = self._take(message.properties["correlation_id"])
        if call is not None:
            body = message.body
            call.resolve((body, message.properties.get("application_headers", {})))

    def _on_return(
        self, _error: Any, _exchange: str, _key: str, message: amqp.Message
    ) -> None:
        call = self._take(message.properties["correlation_id"])
        if call is not None:
            call.resolve(service_unavailable(call.service))
