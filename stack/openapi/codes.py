"""The error codes that a route can answer.

They stand in the docstrings of what a request passes: the door, the functions that
the view calls by name, and the RPC.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from chassis.auth import Caller
from chassis.query import compile_query
from chassis.trust import Trust
from gateway_flask.bus import call
from gateway_flask.consistency import Token
from gateway_flask.inputs import operation_id, read_query, refuse_parameters
from gateway_flask.limits import Limiter
from gateway_flask.processed import Processed
from stack.openapi.contracts import contract_of
from stack.openapi.problems import registry
from stack.openapi.routes import Route

__all__ = ["codes_of", "codes_of_rpc", "is_idempotent", "is_remembered"]

# Whatever cannot be read as HTTP is refused before there is a route, and so is,
# within a limit of its own, a method that the address does not take.
_ANYWHERE: Final = frozenset(
    {
        "expectation_failed",
        "headers_too_large",
        "internal_error",
        "malformed_request",
        "method_not_allowed",
        "rate_limited",
        "request_timeout",
        "too_busy",
        "transfer_coding_unsupported",
        "uri_too_long",
    }
)
_OF_EVERY_RPC: Final = frozenset({"database_unavailable", "deadline_exceeded"})
_OF_EVERY_CHANGE: Final = frozenset({"outbox_full", "too_many_writers"})
_OF_EVERY_KEY: Final = frozenset(
    {"idempotency_key_in_progress", "idempotency_key_reused"}
)


def codes_of(route: Route) -> frozenset[str]:
    """Every error code that a route can answer."""
    codes = set(_ANYWHERE)
    for function in (*_door(route), *_work(route)):
        codes |= contract_of(function).codes
    if route.policy.limit != "login":
        codes.discard("login_unavailable")
    if "id" in route.converters.values():
        codes.add("not_found")
    if route.rpc is not None:
        codes |= _codes_of_rpc(route)
    # A docstring may name other things in the same way; that each code of the
    # source is in the registry is another test's concern.
    return frozenset(codes & registry().keys())


def _door(route: Route) -> Iterator[Callable[..., Any]]:
    """What a request passes before its view."""
    yield read_query
    if not route.policy.reads_query:
        yield refuse_parameters
    if not route.policy.is_public:
        yield Trust.verify
        yield Token.read
    if route.policy.is_event_fed:
        yield Processed.wait
    if route.policy.permission:
        yield Caller.require
    if route.policy.limit != "none":
        yield Limiter.check


def _work(route: Route) -> Iterator[Callable[..., Any]]:
    """What the view does, and what is done for it."""
    yield route.view
    yield from route.calls.values()
    if route.rpc is not None:
        yield route.rpc
        if not route.is_safe:
            yield operation_id
    if route.contract.is_list:
        yield compile_query
    if route.sections:
        yield call
    if route.needed:
        yield route.sections[route.needed]


def codes_of_rpc(rpc: Callable[..., Any]) -> frozenset[str]:
    """The codes that an RPC's own docstring names."""
    contract = contract_of(rpc)
    read = {"invalid_input"} if "payload" in contract.takes else set()
    return (contract.codes | read) & registry().keys()


def _codes_of_rpc(route: Route) -> set[str]:
    codes = set(_OF_EVERY_RPC)
    if "payload" in contract_of(route.rpc).takes:
        codes.add("invalid_input")
    if not route.is_safe and not route.policy.is_public:
        codes |= _OF_EVERY_CHANGE
    if is_idempotent(route):
        codes |= _OF_EVERY_KEY
    return codes


def is_idempotent(route: Route) -> bool:
    """Whether a repeated key makes nothing twice."""
    return route.rpc is not None and hasattr(route.rpc, "keeps_answer")


def is_remembered(route: Route) -> bool:
    """Whether a repeated key gets the first answer again."""
    return bool(getattr(route.rpc, "keeps_answer", False))
