"""Work that leaves the hub: password hashing, in a few native threads.

A hash takes tens of milliseconds of CPU and 19 MiB; on the hub it would stop
every other call and the broker's heartbeats for as long. Its threads give way
to everything else, and who would have to wait long is refused at once.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import eventlet.tpool
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from nameko.extensions import DependencyProvider
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from chassis.config import number
from chassis.errors import UnavailableError

__all__ = ["PasswordPool", "Passwords"]

# Those of leaks, the most frequent first, in lower case.
_COMMON: Final = frozenset(FREQUENCY_LISTS["passwords"])
# OWASP's floor for argon2id: 19 MiB, two passes, one lane.
_LEAST_KIB: Final = 19_456
_LEAST_PASSES: Final = 2
_THREADS: Final = 2
# About a second of work.
_MOST_WAITING: Final = 32
_NICENESS: Final = 10

Result = TypeVar("Result")


class Passwords:
    """Hashes and checks passwords without stopping anybody else.

    Args:
        memory_kib: Of one hash; never less than OWASP's floor.
        passes: Over that memory; the same.
    """

    def __init__(
        self, memory_kib: int = _LEAST_KIB, passes: int = _LEAST_PASSES
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=max(passes, _LEAST_PASSES),
            memory_cost=max(memory_kib, _LEAST_KIB),
            parallelism=1,
        )
        self._nobody = self._hasher.hash("nobody has this password")
        self._waiting = 0

    def hash(self, password: str) -> str:
        """An argon2id hash in its standard encoding.

        Raises:
            UnavailableError: ``too_busy``: too many passwords wait.
        """
        return self._work(self._hasher.hash, password)

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; as slow for an unknown account.

        Raises:
            UnavailableError: ``too_busy``: too many passwords wait.
        """
        known = password_hash or self._nobody
        is_right = self._work(self._is_right, known, password)
        return is_right and password_hash is not None

    def is_common(self, password: str) -> bool:
        """Whether it is one of the 30 000 that most people have, in any case."""
        return password.casefold() in _COMMON

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with less work than those of today."""
        return self._hasher.check_needs_rehash(password_hash)

    def _is_right(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _work(self, work: Callable[..., Result], *arguments: str) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise UnavailableError("too_busy", "Too many log in at once.")
        self._waiting += 1
        try:
            result: Result = eventlet.tpool.execute(_give_way, work, *arguments)
        finally:
            self._waiting -= 1
        return result


def _give_way(work: Callable[..., Result], *arguments: str) -> Result:
    """Work in this thread, after everybody else's."""
    # For this thread alone, which is a process to Linux's scheduler.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    return work(*arguments)


class PasswordPool(DependencyProvider):  # type: ignore[misc]
    """Injects :class:`Passwords`."""

    def setup(self) -> None:
        """Prepare the hash that unknown accounts are checked against."""
        eventlet.tpool.set_num_threads(_THREADS)
        self._passwords = Passwords(
            number("PASSWORD_MEMORY_KIB", _LEAST_KIB),
            number("PASSWORD_PASSES", _LEAST_PASSES),
        )

    def get_dependency(self, _worker_ctx: Any) -> Passwords:
        """The same for every worker."""
        return self._passwords
