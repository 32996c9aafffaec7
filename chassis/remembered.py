"""What is worth keeping, up to a number."""

from collections.abc import Hashable
from contextlib import suppress
from typing import TypeVar

__all__ = ["Remembered"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(dict[Key, Value]):
    """At most ``capacity`` things; the oldest is forgotten first.

    From any number of threads at once: single operations of a dict are atomic.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def keep(self, key: Key, value: Value) -> None:
        """Remember one more."""
        self[key] = value
        while len(self) > self._capacity:
            with suppress(StopIteration, RuntimeError):
                # Another thread may have changed it meanwhile; it forgets too.
                self.pop(next(iter(self)), None)
