"""The rpc entrypoint: Nameko's wire protocol, hardened.

Stock clients (``ClusterRpcProxy``, ``nameko shell``) can call every method. On
top: the caller's token is verified before a worker is spawned, work that
nobody waits for any more is never started, a request that makes no sense is
answered or dropped without harm, and the reply goes out on the consumer's own
channel right before the acknowledgement, in one encoding and no round trip.
"""

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar, overload

import amqp
import eventlet
from amqp.exceptions import AMQPError
from kombu.message import Message
from nameko.exceptions import (
    ContainerBeingKilled,
    IncorrectSignature,
    MalformedRequest,
    MethodNotFound,
    UnserializableValueError,
    serialize,
)
from nameko.rpc import Rpc as NamekoRpc
from nameko.rpc import RpcConsumer as NamekoRpcConsumer

from chassis import codec
from chassis.auth import Caller
from chassis.calling import BusClient
from chassis.consuming import QueueConsumer, declared_elsewhere
from chassis.context import KEY, Actor, Context, Origin, context_of
from chassis.echo import Echo
from chassis.effects import HEADER, write_effects
from chassis.errors import DeadlineExceededError, UnauthenticatedError, WireError
from chassis.ids import is_id, new_id
from chassis.mongo import as_wire_error
from chassis.news import News
from chassis.packets import InOnePacket
from chassis.topology import RPC_EXCHANGE, hint_key, is_reply_key, rpc_queue
from chassis.trust import ISSUER, Trust, trusted_keys
from chassis.upkeep import Upkeep

__all__ = ["Rpc", "RpcConsumer", "rpc"]

logger = logging.getLogger(__name__)

_DEFAULT_BUDGET_S: Final = 30.0
_KEY_TIMEOUT_S: Final = 1.0
_NEWS_TIMEOUT_S: Final = 5.0
_PREFIX: Final = "nameko."
# Of an IPv6 address with a zone.
_LONGEST_ADDRESS: Final = 64
_LONGEST_USER_AGENT: Final = 256

Method = TypeVar("Method", bound=Callable[..., Any])


class RpcConsumer(NamekoRpcConsumer):  # type: ignore[misc]
    """Receives the requests of one service and sends the replies."""

    queue_consumer = QueueConsumer()
    bus = BusClient()
    queue: Any
    _trust: Trust
    _upkeep: Upkeep
    _companions: tuple[Echo, News]

    def setup(self) -> None:
        """Register with the connection; the operator declared the queue."""
        if self.queue is None:
            self._trust = Trust(trusted_keys())
            self._upkeep = Upkeep(self._trust, self._ask)
            service = self.container.service_name
            self.queue = declared_elsewhere(rpc_queue(service))
            self._companions = (
                Echo(self.queue_consumer, service),
                News(self.queue_consumer, service, self._upkeep),
            )
            for provider in (self, *self._companions):
                self.queue_consumer.register_provider(provider)

    def stop(self) -> None:
        """Echo to the last, then let go of the connection."""
        super().stop()
        self._upkeep.close()
        let_go = self.queue_consumer.unregister_provider
        for each in [eventlet.spawn(let_go, each) for each in self._companions]:
            each.wait()

    def _ask(self, method: str, kwargs: Mapping[str, Any]) -> Any:
        reply = self.bus.client.call(
            ISSUER, method, kwargs=kwargs, context={}, timeout_s=_NEWS_TIMEOUT_S
        )
        return reply.result

    def handle_message(self, message: Message) -> None:
        """Start a worker for the request, or refuse it at once."""
        if not is_reply_key(message.properties.get("reply_to")):
            logger.error(
                "rpc request without a usable reply_to dropped",
                extra={"routing_key": message.delivery_info.get("routing_key")},
            )
            self.queue_consumer.reject_message(message)
            return
        try:
            self._start(message)
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)
        except UnauthenticatedError as error:
            if self._trust.lacks_key_of(_token(message)):
                # Others must not wait while svc_auth is asked for it.
                eventlet.spawn_n(self._start_with_new_key, message, error)
            else:
                self.reply(message, None, error)
        except Exception as error:  # noqa: BLE001 - a bad request is the caller's
            self.reply(message, None, error)

    def _start_with_new_key(
        self, message: Message, refusal: UnauthenticatedError
    ) -> None:
        try:
            if self._upkeep.learn_key(_token(message), _KEY_TIMEOUT_S):
                self._start(message)
            else:
                self.reply(message, None, refusal)
        except ContainerBeingKilled:
            self.queue_consumer.requeue_message(message)
        except Exception as error:  # noqa: BLE001 - as in handle_message
            self.reply(message, None, error)

    def _start(self, message: Message) -> None:
        method = message.delivery_info["routing_key"].rpartition(".")[2]
        entrypoint = self._entrypoint(method)
        args, kwargs = _arguments(message)
        entrypoint.check_signature(args, kwargs)
        context = self._context(message, entrypoint)
        entrypoint.container.spawn_worker(
            entrypoint,
            args,
            kwargs,
            context_data={KEY: context},
            handle_result=partial(entrypoint.handle_result, message),
        )

    def _entrypoint(self, method: str) -> "Rpc":
        for provider in self._providers:
            if provider.method_name == method:
                return provider  # type: ignore[no-any-return]
        raise MethodNotFound(method)

    def _context(self, message: Message, entrypoint: "Rpc") -> Context:
        headers = {
            name.removeprefix(_PREFIX): value
            for name, value in (message.headers or {}).items()
            if isinstance(value, str)
        }
        now = time.time()
        deadline = _deadline(headers.get("deadline"), now)
        if deadline <= now:
            raise DeadlineExceededError(
                "deadline_exceeded", "The request waited too long to be started."
            )
        token = headers.get("auth_token")
        caller = None
        if token or not entrypoint.is_public:
            caller = self._trust.verify(token)
        if entrypoint.needs is not None and caller is not None:
            caller.require(entrypoint.needs)
        request_id = headers.get("request_id") or new_id()
        operation_id = headers.get("operation_id")
        return Context(
            caller=caller,
            org_id=None if caller is None else caller.org_id,
            actor=_actor(caller),
            operation_id=operation_id if is_id(operation_id) else new_id(),
            request_id=request_id[:128],
            traceparent=headers.get("traceparent", "")[:55],
            deadline=deadline,
            token=token,
            needs=entrypoint.needs,
            origin=Origin(
                address=headers.get("address", "")[:_LONGEST_ADDRESS],
                user_agent=headers.get("user_agent", "")[:_LONGEST_USER_AGENT],
            ),
            message=_identity(message),
            is_repeated=bool(message.delivery_info.get("redelivered")),
        )

    def reply(
        self,
        message: Message,
        result: Any,
        error: BaseException | None,
        context: Context | None = None,
    ) -> None:
        """Answer and acknowledge on the channel that brought the request.

        If the request left events, the relay is told of them first; a hint
        that is lost costs a second. If the channel is gone all are lost
        together: the broker delivers the request again, and the operation id
        makes that harmless.
        """
        try:
            with InOnePacket(message.channel):
                if context is not None and context.has_events:
                    hint = amqp.Message(b"", delivery_mode=1)
                    key = hint_key(self.container.service_name)
                    message.channel.basic_publish(hint, RPC_EXCHANGE, key)
                message.channel.basic_publish(
                    _answer(message, result, error, context),
                    RPC_EXCHANGE,
                    message.properties["reply_to"],
                )
                self.queue_consumer.ack_message(message)
        except (OSError, AMQPError) as lost:
            logger.warning("answer not sent", extra={"error": repr(lost)})


def _answer(
    message: Message,
    result: Any,
    error: BaseException | None,
    context: Context | None,
) -> amqp.Message:
    try:
        body = codec.encode({"result": result, "error": error and serialize(error)})
    except TypeError:
        logger.exception("rpc result is not JSON")
        failure = serialize(UnserializableValueError(type(result).__name__))
        body = codec.encode({"result": None, "error": failure})
    return amqp.Message(
        body,
        content_type=codec.CONTENT_TYPE,
        content_encoding=codec.CONTENT_ENCODING,
        correlation_id=message.properties.get("correlation_id"),
        delivery_mode=1,
        application_headers={} if context is None else _headers(context),
    )


def _headers(context: Context) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if context.replayed:
        headers["rapport.replayed"] = True
    if context.effects:
        headers[HEADER] = write_effects(context.effects.values())
    return headers


def _arguments(message: Message) -> tuple[list[Any], dict[str, Any]]:
    if message.content_type != codec.CONTENT_TYPE:
        raise MalformedRequest("The content type must be application/json.")
    try:
        body = codec.decode(message.body)
        args, kwargs = body["args"], body["kwargs"]
    except (ValueError, TypeError, KeyError):
        raise MalformedRequest("Message missing `args` or `kwargs`") from None
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise MalformedRequest("`args` must be a list and `kwargs` an object.")
    return args, kwargs


def _token(message: Message) -> str | None:
    token = (message.headers or {}).get(f"{_PREFIX}auth_token")
    return token if isinstance(token, str) else None


def _identity(message: Message) -> str:
    """Whoever asks counts their own requests, and hears answers under one key."""
    properties = message.properties
    return f"{properties.get('reply_to')}/{properties.get('correlation_id')}"


def _deadline(text: str | None, now: float) -> float:
    """The caller's deadline, never further away than our own default."""
    latest = now + _DEFAULT_BUDGET_S
    try:
        # In this order NaN, which is less than nothing, comes out as the latest.
        return min(latest, float(text)) if text else latest
    except ValueError:
        return latest


def _actor(caller: Caller | None) -> Actor:
    if caller is None:
        return {"type": "anonymous", "id": "anonymous"}
    if caller.session_kind == "service_account":
        return {"type": "service_account", "id": caller.principal_id}
    return {"type": caller.principal_type, "id": caller.principal_id}


class Rpc(NamekoRpc):  # type: ignore[misc]
    """A method that others may call.

    Args:
        public: No token is needed; one that is sent is verified all the same.
        needs: The permission without which no worker is spawned. A method
            that remembers its answers has to say it here, as whoever lost the
            permission would otherwise be given them again.
    """

    rpc_consumer = RpcConsumer()

    def __init__(
        self, *, public: bool = False, needs: str | None = None, **kwargs: Any
    ) -> None:
        self.is_public = public
        self.needs = needs
        kwargs.setdefault("expected_exceptions", WireError)
        super().__init__(**kwargs)

    def setup(self) -> None:
        """Remember the method's signature; it is checked on every call."""
        super().setup()
        method = getattr(self.container.service_cls, self.method_name)
        self._signature = inspect.signature(method)

    def check_signature(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Refuse arguments that the method does not take.

        Raises:
            IncorrectSignature: Which argument is missing or unknown.
        """
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise IncorrectSignature(str(error)) from None

    def handle_result(
        self, message: Message, worker_ctx: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        """Send the answer, or what went wrong in terms the caller knows."""
        context = context_of(worker_ctx)
        error = None
        if exc_info is not None:
            error = exc_info[1]
            error = as_wire_error(error) or error
            self._log_failure(error, exc_info, context)
        self.rpc_consumer.reply(message, result, error, context)
        return result, exc_info

    def _log_failure(
        self, error: BaseException, exc_info: Any, context: Context
    ) -> None:
        extra = {"method": self.method_name, "request_id": context.request_id}
        if isinstance(error, WireError):
            logger.info("rpc refused", extra={**extra, "code": error.code})
        else:
            logger.error("rpc failed", extra=extra, exc_info=exc_info)


@overload
def rpc(method: Method, /) -> Method: ...
@overload
def rpc(
    *, public: bool = ..., needs: str | None = ...
) -> Callable[[Method], Method]: ...
def rpc(method: Any = None, /, **options: Any) -> Any:
    """Make a method callable over the bus; see :class:`Rpc`."""
    return Rpc.decorator(**options) if method is None else Rpc.decorator(method)
