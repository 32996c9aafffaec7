"""Work that leaves the hub: password hashing, in native threads.

A hash takes tens of milliseconds of CPU; on the hub it would stop every other
call and the broker's heartbeats for as long.
"""

from typing import Any, Final

import eventlet.tpool
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from nameko.extensions import DependencyProvider

__all__ = ["PasswordPool", "Passwords"]

# OWASP's floor for argon2id: 19 MiB, two passes, one lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Passwords:
    """Hashes and checks passwords without stopping anybody else."""

    def __init__(self) -> None:
        self._nobody = _HASHER.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """An argon2id hash in its standard encoding."""
        hashed: str = eventlet.tpool.execute(_HASHER.hash, password)
        return hashed

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; as slow for an unknown account."""
        is_right: bool = eventlet.tpool.execute(
            _is_right, password_hash or self._nobody, password
        )
        return is_right and password_hash is not None


def _is_right(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class PasswordPool(DependencyProvider):  # type: ignore[misc]
    """Injects :class:`Passwords`."""

    def setup(self) -> None:
        """Prepare the hash that unknown accounts are checked against."""
        self._passwords = Passwords()

    def get_dependency(self, _worker_ctx: Any) -> Passwords:
        """The same for every worker."""
        return self._passwords
