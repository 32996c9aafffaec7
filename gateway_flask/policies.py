"""What a route asks of a request before its view runs.

Decorators leave marks on views; ``policies`` reads them once, when the
application is made, and refuses to start with a route that says neither who
may call it nor that everybody may.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, TypeVar

from flask import Flask

__all__ = [
    "LIMIT_CLASSES",
    "MissingPolicyError",
    "Policy",
    "mark",
    "policies",
]

View = TypeVar("View", bound=Callable[..., Any])

LIMIT_CLASSES: Final = (
    *("read", "write", "public"),
    *("login", "reset", "register"),
    "none",
)
_DEADLINE_S: Final = 5.0
# Elsewhere are OAuth's endpoints, which ignore parameters that they do not know
# (RFC 6749 §3.1), and what is asked for by browsers and scrapers, who may have
# been given an address with more in it.
_STRICT: Final = "/v1/"


class MissingPolicyError(Exception):
    """A route without ``@requires``, ``@signed_in`` or ``@public``."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The terms of one route.

    Attributes:
        permission: ``"<resource>:<action>"``, or ``None`` where a valid
            token, or none at all for a public route, is enough.
        limit: The class of rate limit; one of ``LIMIT_CLASSES``.
        deadline_s: How long the whole request may take.
        is_cached: Whether the answer may be given again; for a GET whose path
            names one versioned record.
        is_event_fed: Whether it waits for what a consistency token names.
        takes_ticket: Whether a one-time ticket may stand for the token.
        reads_query: Whether the view reads query parameters; where it does not,
            they are refused.
        units: How many times what its class costs it costs.
        is_batch: Whether it costs that for each of its operations.
    """

    permission: str | None
    is_public: bool
    limit: str
    deadline_s: float
    reads_query: bool
    is_cached: bool = False
    is_event_fed: bool = False
    takes_ticket: bool = False
    units: int = 1
    is_batch: bool = False


_OPTIONAL: Final = frozenset(
    each.name for each in fields(Policy) if each.default is not MISSING
)


def mark(view: View, **terms: object) -> View:
    """Note ``terms`` of the route's policy on its view."""
    view.__dict__.setdefault("policy", {}).update(terms)
    return view


def policies(app: Flask) -> Mapping[str, Policy]:
    """The policy of every endpoint.

    Raises:
        MissingPolicyError: A view has no mark about who may call it.
    """
    return {
        rule.endpoint: _policy(rule.rule, rule.methods or set(), view)
        for rule in app.url_map.iter_rules()
        if (view := app.view_functions[rule.endpoint])
    }


def _policy(route: str, methods: set[str], view: Callable[..., Any]) -> Policy:
    terms = vars(view).get("policy", {})
    if "is_public" not in terms:
        raise MissingPolicyError(
            f"Route {route} needs @requires(...), @signed_in or @public."
        )
    usual = "read" if "GET" in methods else "write"
    return Policy(
        permission=terms.get("permission"),
        is_public=terms["is_public"],
        limit=terms.get("limit", "public" if terms["is_public"] else usual),
        deadline_s=terms.get("deadline_s", _DEADLINE_S),
        reads_query=terms.get("reads_query", not route.startswith(_STRICT)),
        **{name: terms[name] for name in _OPTIONAL & terms.keys()},
    )
