"""What the links of challenges hold: nothing that is stored anywhere."""

import base64
import hashlib
import hmac
from typing import Any, Final

from nameko.extensions import DependencyProvider

from chassis.config import setting
from chassis.ids import is_id

__all__ = ["ChallengeTokenProvider", "ChallengeTokens"]

_PURPOSE: Final = b"challenge\0"


class ChallengeTokens:
    """Makes and checks them: a challenge's id and its HMAC (RFC 2104).

    The same challenge has the same token for ever, so that a message that has
    to be sent again holds the link that it held before.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, challenge_id: str) -> str:
        """The token of a challenge."""
        message = _PURPOSE + challenge_id.encode()
        code = hmac.new(self._key, message, hashlib.sha256).digest()
        return f"{challenge_id}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"

    def read(self, token: str) -> str | None:
        """The challenge that a token is of; None if nobody made it."""
        challenge_id = token.partition(".")[0]
        if not is_id(challenge_id):
            return None
        expected = self.of(challenge_id).encode()
        is_ours = hmac.compare_digest(expected, token.encode(errors="replace"))
        return challenge_id if is_ours else None


class ChallengeTokenProvider(DependencyProvider):  # type: ignore[misc]
    """Injects :class:`ChallengeTokens`."""

    def setup(self) -> None:
        """Read the key."""
        self._tokens = ChallengeTokens(base64.urlsafe_b64decode(setting("VAULT_KEY")))

    def get_dependency(self, _worker_ctx: Any) -> ChallengeTokens:
        """The same for every worker."""
        return self._tokens
