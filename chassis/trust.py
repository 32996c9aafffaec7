"""Which access tokens this process takes: their keys, and what was revoked.

A signature is verified once and its token remembered for its life, as that
costs more than all the rest of a small request. What is remembered holds only
as long as its key is trusted and nobody revoked its session.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from chassis.auth import Caller, key_id_of, verify
from chassis.config import secret_file, setting
from chassis.errors import UnauthenticatedError
from chassis.key_set import KeySet
from chassis.remembered import Remembered

__all__ = ["ISSUER", "LONGEST_TOKEN_LIFE_S", "Trust", "trusted_keys"]

# Who signs for people, and may change its keys.
ISSUER: Final = "auth"
# No token that belongs to a session is valid for longer.
LONGEST_TOKEN_LIFE_S: Final = 3_600
_REMEMBERED: Final = 4_096


def trusted_keys() -> KeySet:
    """The keys that this process was set up with, from its secrets.

    Raises:
        MissingSettingError: Their file is not there.
    """
    return KeySet.load(
        secret_file("JWKS_FILE", "jwks.json"),
        setting("PUBLIC_URL", "http://127.0.0.1:8000"),
    )


class Trust:
    """Verifies tokens; remembers at most ``capacity``, the oldest forgotten.

    From any number of threads at once.
    """

    def __init__(self, keys: KeySet, capacity: int = _REMEMBERED) -> None:
        self._keys = keys
        self._capacity = capacity
        self._callers: Remembered[str, Caller] = Remembered(capacity)
        self._revoked: dict[str, float] = {}
        self._changed: dict[tuple[str, str | None], float] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._callers)

    def verify(self, token: str | None) -> Caller:
        """The token's caller.

        Raises:
            UnauthenticatedError: ``token_missing``, ``token_malformed``,
                ``token_expired``, ``token_invalid`` or ``token_revoked``.
        """
        caller = self._callers.get(token or "")
        if caller is None or caller.expires_at <= time.time():
            caller = self._verify_anew(token)
        if caller.session_id in self._revoked:
            raise UnauthenticatedError(
                "token_revoked", "The session of this access token has ended."
            )
        return caller

    def _verify_anew(self, token: str | None) -> Caller:
        keys, callers = self._keys, self._callers
        caller = verify(token, keys)
        # If the keys change now, what was found by the old ones is not kept.
        callers.keep(token or "", caller)
        return caller

    def is_good(self, caller: Caller) -> bool:
        """Whether a caller who was verified before would still be, but for time."""
        is_revoked = caller.session_id in self._revoked
        return not is_revoked and self._keys.find(caller.key_id) is not None

    def public_keys(self) -> dict[str, Any]:
        """The keys that sign for people, a JWK set (RFC 7517 §5)."""
        return self._keys.public_document(ISSUER)

    def lacks_key_of(self, token: str | None) -> bool:
        """Whether a token names a key that is not known here."""
        key_id = key_id_of(token or "")
        return key_id is not None and self._keys.find(key_id) is None

    def learn_keys(self, document: Mapping[str, Any]) -> None:
        """Take these keys, and no others, as those that sign for people.

        Args:
            document: A JWK set (RFC 7517 §5), as ``auth.get_jwks`` answers.

        Raises:
            LookupError: A key lacks its id; the keys stay as they were.
            PyJWTError: A key cannot be read; the same.
        """
        with self._changing:
            if self._keys.public_document(ISSUER) == document:
                return
            self._keys = self._keys.with_keys_of(ISSUER, document)
            self._callers = Remembered(self._capacity)

    def revoke(self, session_id: str) -> None:
        """Take no token of this session from now on; twice is the same."""
        now = time.monotonic()
        with self._changing:
            self._revoked[session_id] = now + LONGEST_TOKEN_LIFE_S
            while (first := next(iter(self._revoked))) and self._revoked[first] <= now:
                del self._revoked[first]

    def note_change(
        self, org_id: str, principal_id: str | None, changed_at: float
    ) -> None:
        """Somebody's rights are others from ``changed_at`` on.

        Args:
            org_id: Where.
            principal_id: Whose; None for everybody's.
            changed_at: Seconds since the epoch.
        """
        key = org_id, principal_id
        forgotten = time.time() - LONGEST_TOKEN_LIFE_S
        with self._changing:
            latest = max(changed_at, self._changed.pop(key, 0.0))
            self._changed[key] = latest
            while (first := next(iter(self._changed))) != key:
                if self._changed[first] > forgotten:
                    break
                del self._changed[first]

    def is_outdated(self, caller: Caller) -> bool:
        """Whether a person's rights have changed since they were told.

        An application's own come from no role, and end with its session.
        """
        changed = self._changed
        if not changed or caller.principal_type != "person":
            return False
        org_id, principal_id = caller.org_id, caller.principal_id
        latest = max(
            changed.get((org_id, principal_id), 0.0), changed.get((org_id, None), 0.0)
        )
        return caller.rights_at <= latest
