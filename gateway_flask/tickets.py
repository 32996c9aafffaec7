"""One-time tickets, for browsers whose ``EventSource`` sends no headers.

A ticket stands for the token of whoever asked for it. Only who holds the ticket
can read the token: what the store keeps is named after one hash of the ticket
and encrypted under another.
"""

import hashlib
import secrets
from typing import Final

import redis
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.errors import UnauthenticatedError, UnavailableError
from gateway_flask.policies import View, mark

__all__ = ["LIFETIME_S", "Tickets", "takes_ticket"]

LIFETIME_S: Final = 30
_TIMEOUT_S: Final = 0.5
_LENGTH: Final = 43
# A key is used once, so the nonce may be the same for all.
_NONCE: Final = bytes(12)


def takes_ticket(view: View) -> View:
    """Let a route be asked for with ``?ticket=`` instead of a token."""
    return mark(view, takes_ticket=True)


class Tickets:
    """Tickets that any process of the gateway takes, once.

    Args:
        redis_url: The state store.
        lifetime_s: How long a ticket is good for.
    """

    def __init__(self, redis_url: str, lifetime_s: float = LIFETIME_S) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._lifetime_ms = round(lifetime_s * 1_000)

    def issue(self, token: str) -> str:
        """A new ticket for a token.

        Raises:
            UnavailableError: ``tickets_unavailable``.
        """
        ticket = secrets.token_urlsafe(32)
        sealed = AESGCM(_hash("key", ticket)).encrypt(_NONCE, token.encode(), None)
        try:
            self._redis.set(_name(ticket), sealed, px=self._lifetime_ms)
        except redis.RedisError:
            raise _unavailable() from None
        return ticket

    def redeem(self, ticket: str) -> str:
        """The token that a ticket stands for; the ticket is void from now on.

        Raises:
            UnauthenticatedError: ``ticket_invalid``: unknown, used or too old.
            UnavailableError: ``tickets_unavailable``.
        """
        try:
            sealed = self._redis.getdel(_name(ticket)) if _is_ticket(ticket) else None
        except redis.RedisError:
            raise _unavailable() from None
        if not isinstance(sealed, bytes):
            raise _invalid()
        try:
            return AESGCM(_hash("key", ticket)).decrypt(_NONCE, sealed, None).decode()
        except InvalidTag:
            raise _invalid() from None


def _is_ticket(text: str) -> bool:
    return len(text) == _LENGTH and text.isascii()


def _hash(purpose: str, ticket: str) -> bytes:
    return hashlib.sha256(f"{purpose}:{ticket}".encode()).digest()


def _name(ticket: str) -> str:
    return f"stream-ticket:{_hash('name', ticket).hex()}"


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("ticket_invalid", "Get a new ticket for each stream.")


def _unavailable() -> UnavailableError:
    return UnavailableError("tickets_unavailable", "No tickets for a moment.")
