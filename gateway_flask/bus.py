"""The way to the services; the only module that speaks to the broker."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flask import current_app, g

from chassis.errors import DeadlineExceededError
from chassis.rpc_client import PendingCall, Reply
from gateway_flask.inputs import operation_id
from gateway_flask.policies import View, mark

__all__ = ["Bus", "call", "within"]


class Bus(Protocol):
    """What the gateway needs of ``chassis.rpc_client.RpcClient``."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""

    def call(
        self,
        service: str,
        method: str,
        *,
        kwargs: Mapping[str, Any],
        context: Mapping[str, str],
        timeout_s: float,
    ) -> Reply:
        """Call and wait."""

    def begin(
        self,
        service: str,
        method: str,
        *,
        kwargs: Mapping[str, Any],
        context: Mapping[str, str],
        timeout_s: float,
    ) -> PendingCall:
        """Call without waiting."""

    def close(self) -> None:
        """Let go of the connection."""


def within(seconds: float) -> Callable[[View], View]:
    """Give a route another deadline than the usual one."""
    return lambda view: mark(view, deadline_s=seconds)


def call(service: str, method: str, /, **kwargs: Any) -> Any:
    """Call ``service.method`` on behalf of the request's caller.

    It is tried once: whether a lost answer may be asked for again is the
    client's decision, who has the idempotency key.

    Raises:
        WireError: What the service refused with, or ``deadline_exceeded``,
            ``service_unavailable``, ``broker_unavailable``, ``too_busy``.
    """
    bus: Bus = current_app.extensions["bus"]
    remaining_s = g.deadline - time.monotonic()
    if remaining_s <= 0:
        raise DeadlineExceededError(
            "deadline_exceeded", "The request took too long to arrive."
        )
    reply = bus.call(
        service, method, kwargs=kwargs, context=_context(), timeout_s=remaining_s
    )
    g.is_replayed = bool(reply.headers.get("rapport.replayed"))
    return reply.result


def _context() -> dict[str, str]:
    context = {
        "operation_id": operation_id(),
        "request_id": g.request_id,
        "traceparent": g.traceparent,
    }
    if g.token is not None:
        context["auth_token"] = g.token
    return context
