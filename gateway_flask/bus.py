"""The way to the services; the only module that speaks to the broker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import current_app, g

from chassis.breaker import BreakerState
from chassis.effects import read_effects
from chassis.errors import DeadlineExceededError, RemoteError, WireError
from chassis.rpc_client import PendingCall, Reply
from chassis.trust import ISSUER
from gateway_flask.inputs import operation_id, user_agent
from gateway_flask.metrics import Metrics, outcome_of
from gateway_flask.policies import View, mark

__all__ = ["Ask", "Bus", "ask", "call", "gather", "within"]


class Bus(Protocol):
    """What the gateway needs of ``chassis.rpc_client.RpcClient``."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""

    def breakers(self) -> Mapping[str, BreakerState]:
        """The state of every service that was called."""

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
    remaining_s = _remaining_s()
    begun_at = time.monotonic()
    failure: Exception | None = None
    try:
        reply = bus.call(
            service,
            method,
            kwargs=kwargs,
            context=_context(service),
            timeout_s=remaining_s,
        )
    except (WireError, RemoteError) as error:
        failure = error
        raise
    finally:
        _note(service, method, failure, time.monotonic() - begun_at)
    g.is_replayed = bool(reply.headers.get("rapport.replayed"))
    g.effects += read_effects(reply.headers)
    return reply.result


@dataclass(frozen=True)
class Ask:
    """A question that can be put to a service together with others."""

    service: str
    method: str
    arguments: Mapping[str, Any]


def ask(service: str, method: str, /, **arguments: Any) -> Ask:
    """What :func:`gather` asks; arguments as for :func:`call`."""
    return Ask(service, method, arguments)


def gather(asks: Mapping[str, Ask], timeout_s: float) -> dict[str, Any]:
    """Put all questions at once and wait for all answers under one deadline.

    Args:
        asks: Reads only, by a name of the caller's choice.
        timeout_s: How long all of them may take together, if the request has
            so long.

    Returns:
        By the same names: each result, or the ``WireError`` or
        ``RemoteError`` there was instead of one.

    Raises:
        DeadlineExceededError: ``deadline_exceeded``: there was no time left
            to ask.
    """
    bus: Bus = current_app.extensions["bus"]
    give_up_at = time.monotonic() + min(_remaining_s(), timeout_s)
    context = _context()
    begun_at = time.monotonic()
    pending: dict[str, PendingCall | WireError] = {}
    for name, each in asks.items():
        try:
            pending[name] = bus.begin(
                each.service,
                each.method,
                kwargs=each.arguments,
                context=context,
                timeout_s=max(give_up_at - time.monotonic(), 0),
            )
        except WireError as error:
            pending[name] = error
    return {
        name: _outcome(asks[name], call, begun_at) for name, call in pending.items()
    }


def _outcome(ask: Ask, call: PendingCall | WireError, begun_at: float) -> Any:
    outcome: Any = call
    settled_at = 0.0
    if not isinstance(call, WireError):
        try:
            outcome = call.result().result
        except (WireError, RemoteError) as error:
            outcome = error
        settled_at = call.settled_at
    failure = outcome if isinstance(outcome, Exception) else None
    took_s = (settled_at or time.monotonic()) - begun_at
    _note(ask.service, ask.method, failure, took_s)
    return outcome


def _note(
    service: str, method: str, failure: Exception | None, duration_s: float
) -> None:
    metrics: Metrics = current_app.extensions["metrics"]
    bus: Bus = current_app.extensions["bus"]
    outcome = outcome_of(failure)
    metrics.note_call(service, method, outcome, duration_s, bus.breakers)


def _remaining_s() -> float:
    remaining_s: float = g.deadline - time.monotonic()
    if remaining_s <= 0:
        raise DeadlineExceededError(
            "deadline_exceeded", "The request took too long to arrive."
        )
    return remaining_s


def _context(service: str | None = None) -> dict[str, str]:
    g.operation_id = operation_id()
    context = {
        "operation_id": g.operation_id,
        "request_id": g.request_id,
        "traceparent": g.traceparent,
    }
    if g.token is not None:
        context["auth_token"] = g.token
    if service == ISSUER:
        # It keeps them beside what was done, and nobody else needs to know.
        context |= {"address": g.address, "user_agent": user_agent()}
    return context
