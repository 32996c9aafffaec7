"""Who is calling: bearer tokens, verified once and remembered."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from flask import Request

from chassis.auth import Caller
from chassis.errors import UnauthenticatedError
from chassis.key_set import KeySet
from chassis.remembered import Remembered
from chassis.trust import ISSUER, Trust
from chassis.upkeep import Upkeep
from gateway_flask.bus import Bus
from gateway_flask.feed import Feed
from gateway_flask.policies import View, mark

__all__ = ["Verifier", "bearer_token", "public", "requires", "signed_in"]

_KEY_TIMEOUT_S: Final = 1.0
_NEWS_TIMEOUT_S: Final = 5.0
_EXCHANGED: Final = 4_096
# Personal tokens, and keys of service accounts.
_EXCHANGEABLE: Final = ("rpat_", "rsvc_")


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
        self._exchanged: Remembered[bytes, str] = Remembered(_EXCHANGED)
        feed.subscribe(self._upkeep.hear, self._upkeep.refresh)

    def verify(
        self, token: str | None, before_guess: Callable[[], None] = lambda: None
    ) -> tuple[Caller, str]:
        """The token's caller, and the token with which to ask services.

        That is another one if the caller's rights have changed since theirs
        was made. For a key that is not known yet svc_auth is asked, which
        happens every other second at most.

        Args:
            token: As it came, if one did.
            before_guess: Called before svc_auth is asked whose a secret is,
                as it may be anybody's guess; what it raises ends the matter.

        Raises:
            UnauthenticatedError: See ``chassis.trust.Trust.verify``.
            UnavailableError: ``service_unavailable``: svc_auth, which has to
                be asked, is away.
        """
        if token is not None and token.startswith(_EXCHANGEABLE):
            known = self._exchanged_before(token)
            if known is None:
                before_guess()
                asked = {"token": token}
                known = self._exchange(token, "exchange_access_token", asked)
            return known
        try:
            caller = self.trust.verify(token)
        except UnauthenticatedError:
            if not self._upkeep.learn_key(token, _KEY_TIMEOUT_S):
                raise
            caller = self.trust.verify(token)
        if token is None or not self.trust.is_outdated(caller):
            return caller, token or ""
        return self._exchanged_before(token) or self._exchange(
            token, "renew_access_token", {}, token
        )

    def is_good(self, caller: Caller) -> bool:
        """Whether a caller who was verified before would still be the same."""
        return self.trust.is_good(caller) and not self.trust.is_outdated(caller)

    def _exchanged_before(self, token: str) -> tuple[Caller, str] | None:
        """What was given for a token, while it is good."""
        known = self._exchanged.get(_key(token))
        if known is not None:
            with suppress(UnauthenticatedError):
                caller = self.trust.verify(known)
                if not self.trust.is_outdated(caller):
                    return caller, known
        return None

    def _exchange(
        self,
        token: str,
        method: str,
        kwargs: Mapping[str, Any],
        bearer: str | None = None,
    ) -> tuple[Caller, str]:
        """The token that svc_auth gives for another, remembered for its life."""
        given = self._ask(method, kwargs, bearer)["access_token"]
        caller = self.trust.verify(given)
        self._exchanged.keep(_key(token), given)
        return caller, given

    def _ask(
        self, method: str, kwargs: Mapping[str, Any], token: str | None = None
    ) -> Any:
        reply = self._bus.call(
            ISSUER,
            method,
            kwargs=kwargs,
            context={} if token is None else {"auth_token": token},
            timeout_s=_NEWS_TIMEOUT_S,
        )
        return reply.result


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
