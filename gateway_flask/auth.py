"""Who is calling: bearer tokens, verified once and remembered."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Request

from chassis.auth import Caller, KeySet
from chassis.errors import UnauthenticatedError
from chassis.trust import ISSUER, Trust
from chassis.upkeep import Upkeep
from gateway_flask.bus import Bus
from gateway_flask.feed import Feed, FeedEvent
from gateway_flask.policies import View, mark

__all__ = ["Verifier", "bearer_token", "public", "requires", "signed_in"]

_KEY_TIMEOUT_S: Final = 1.0
_NEWS_TIMEOUT_S: Final = 5.0


def requires(permission: str) -> Callable[[View], View]:
    """Admit callers who hold ``permission``, such as ``"leads:write"``."""
    return lambda view: mark(view, is_public=False, permission=permission)


def signed_in(view: View) -> View:
    """Admit everybody with a valid token."""
    return mark(view, is_public=False)


def public(view: View) -> View:
    """Admit everybody; a token is neither needed nor read."""
    return mark(view, is_public=True)


def bearer_token(request: Request) -> str | None:
    """The token of the ``Authorization`` header, if it has one (RFC 6750)."""
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Verifier:
    """Verifies tokens, by what svc_auth says over the bus."""

    def __init__(self, keys: KeySet, bus: Bus, feed: Feed) -> None:
        self.trust = Trust(keys)
        self._bus = bus
        self._upkeep = Upkeep(self.trust, self._ask)
        feed.subscribe(self._hear, self._upkeep.refresh)

    def verify(self, token: str | None) -> Caller:
        """The token's caller.

        For a key that is not known yet svc_auth is asked, which happens every
        other second at most.

        Raises:
            UnauthenticatedError: See ``chassis.trust.Trust.verify``.
        """
        try:
            return self.trust.verify(token)
        except UnauthenticatedError:
            if not self._upkeep.learn_key(token, _KEY_TIMEOUT_S):
                raise
        return self.trust.verify(token)

    def _hear(self, event: FeedEvent) -> None:
        service, _, name = event.name.partition(".")
        if service == ISSUER:
            self._upkeep.hear(name, event.aggregate_id)

    def _ask(self, method: str, kwargs: Mapping[str, Any]) -> Any:
        reply = self._bus.call(
            ISSUER, method, kwargs=kwargs, context={}, timeout_s=_NEWS_TIMEOUT_S
        )
        return reply.result
