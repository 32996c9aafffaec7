"""Who is calling: bearer tokens, verified once and remembered.

Verifying a signature costs more than all the rest of a small request, so a
verified token is remembered until it expires.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from flask import Request

from chassis.auth import Caller, KeySet, verify
from chassis.errors import UnauthenticatedError
from gateway_flask.policies import View, mark

__all__ = ["TokenVerifier", "bearer_token", "public", "requires", "signed_in"]

_REMEMBERED: Final = 10_000


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


class TokenVerifier:
    """Verifies tokens; remembers at most ``capacity``, the oldest forgotten."""

    def __init__(self, keys: KeySet, capacity: int = _REMEMBERED) -> None:
        self._keys = keys
        self._capacity = capacity
        self._callers: dict[str, Caller] = {}

    def __len__(self) -> int:
        return len(self._callers)

    def verify(self, token: str | None) -> Caller:
        """The token's caller.

        Raises:
            UnauthenticatedError: ``token_missing``, ``token_malformed``,
                ``token_expired`` or ``token_invalid``.
        """
        if token is None:
            raise UnauthenticatedError("token_missing", "An access token is needed.")
        caller = self._callers.get(token)
        if caller is not None and time.time() < caller.expires_at:
            return caller
        caller = verify(token, self._keys)
        # Single dict operations are atomic, so threads need no lock here.
        self._callers[token] = caller
        while len(self._callers) > self._capacity:
            self._forget_oldest()
        return caller

    def is_valid(self, token: str) -> bool:
        """Whether ``verify`` would still take the token."""
        try:
            self.verify(token)
        except UnauthenticatedError:
            return False
        return True

    def _forget_oldest(self) -> None:
        with suppress(StopIteration, RuntimeError):
            # Another thread may have changed the dict meanwhile; it forgets too.
            self._callers.pop(next(iter(self._callers)), None)
