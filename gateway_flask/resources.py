"""The routes that every kind of record has, made once for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, Response

from gateway_flask.answer_cache import cached
from gateway_flask.auth import requires
from gateway_flask.bus import call, within
from gateway_flask.inputs import body, if_match, operations, query
from gateway_flask.policies import mark
from gateway_flask.responses import answer, created, no_content

__all__ = ["add_resource"]

_ALL: Final = "/v1/{plural}"
_ONE: Final = "/v1/{plural}/<id:{noun}_id>"


@dataclass(frozen=True, kw_only=True)
class _Action:
    """A route: what it asks of its owner, and how the answer is given.

    Attributes:
        rpc: The RPC's name, which is the endpoint's too.
        right: What is needed of the resource.
        arguments: What is passed to the RPC besides the id in the path.
        trait: What the kind has to have for it, if something.
    """

    method: str
    path: str
    rpc: str
    right: str
    arguments: dict[str, Callable[[], Any]]
    respond: Callable[[Any], Response]
    deadline_s: float = 5.0
    is_cached: bool = False
    trait: str | None = None


_ACTIONS: Final = (
    _Action(
        method="POST",
        path=_ALL,
        rpc="create_{noun}",
        right="write",
        arguments={"payload": body},
        respond=created,
    ),
    _Action(
        method="GET",
        path=_ALL,
        rpc="list_{plural}",
        right="read",
        arguments={"query": query},
        respond=answer,
    ),
    _Action(
        method="GET",
        path=_ONE,
        rpc="get_{noun}",
        right="read",
        arguments={},
        respond=answer,
        is_cached=True,
    ),
    _Action(
        method="PATCH",
        path=_ONE,
        rpc="update_{noun}",
        right="write",
        arguments={"payload": body, "expected_version": if_match},
        respond=answer,
    ),
    _Action(
        method="DELETE",
        path=_ONE,
        rpc="archive_{noun}",
        right="write",
        arguments={"expected_version": if_match},
        respond=no_content,
    ),
    _Action(
        method="POST",
        path=f"{_ONE}/restore",
        rpc="restore_{noun}",
        right="write",
        arguments={"expected_version": if_match},
        respond=answer,
    ),
    _Action(
        method="GET",
        path=f"{_ONE}/history",
        rpc="list_{noun}_history",
        right="read",
        arguments={"query": query},
        respond=answer,
        trait="past",
    ),
    _Action(
        method="POST",
        path=f"{_ONE}/revert",
        rpc="revert_{noun}",
        right="write",
        arguments={"payload": body, "expected_version": if_match},
        respond=answer,
        trait="revert",
    ),
    _Action(
        method="POST",
        path=f"{_ALL}/batch",
        rpc="batch_{plural}",
        right="write",
        arguments={"operations": operations},
        respond=answer,
        deadline_s=30.0,
        trait="batch",
    ),
)


def add_resource(
    blueprint: Blueprint,
    service: str,
    noun: str,
    plural: str,
    *,
    has_batch: bool = True,
    has_past: bool = False,
    has_revert: bool = False,
) -> None:
    """Add the routes of ``/v1/<plural>``: create, list, get, change and the rest.

    Each is one call of its owner's RPC, ``create_<noun>``, ``list_<plural>``
    and so on, and needs ``<plural>:read`` or ``<plural>:write``. A hyphen in the
    path is an underscore in an RPC's name. A kind with a past can be asked what it
    was, and one that can be reverted, be made that again.
    """
    has = {None: True, "batch": has_batch, "past": has_past, "revert": has_revert}
    for action in _ACTIONS:
        if not has[action.trait]:
            continue
        if action.is_cached and has_past:
            action = replace(action, arguments={"query": query})  # noqa: PLW2901
        rpc = action.rpc.format(noun=noun, plural=plural.replace("-", "_"))
        path = action.path.format(noun=noun, plural=plural)
        view = _view(service, rpc, action)
        names = {*action.arguments, *([f"{noun}_id"] if "<id:" in path else ())}
        mark(view, rpc=(service, rpc, frozenset(names)), parts=_parts(action))
        mark(view, reads_query="query" in action.arguments)
        view = within(action.deadline_s)(requires(f"{plural}:{action.right}")(view))
        if action.trait == "batch":
            mark(view, is_batch=True)
        if action.is_cached:
            view = cached(view)
        blueprint.add_url_rule(path, rpc, view, methods=[action.method])


def _parts(action: _Action) -> tuple[Callable[..., Any], ...]:
    """What the view is made of, for those who describe it."""
    return (call, *action.arguments.values(), action.respond)


def _view(service: str, rpc: str, action: _Action) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        arguments = {name: read() for name, read in action.arguments.items()}
        return action.respond(call(service, rpc, **ids, **arguments))

    view.__name__ = rpc
    view.__doc__ = f"See ``{service}.{rpc}``."
    return view
