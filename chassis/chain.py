"""The chain through an event log: the seal of each row covers the one before it.

A seal is an HMAC-SHA-256 of the row and the preceding seal, under a key that the
database does not have. Whoever alters, removes or adds rows, and be it with all
rights on the database, cannot make seals that fit. What nobody can tell from
the log alone is that its end was cut off and its counter set back: for that, a
seal that was seen earlier is compared (``./crm audit verify``).
"""

import base64
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import bson

from chassis.mongo import Document

__all__ = ["BEGINNING", "SEAL", "Break", "Chain", "Walk"]

SEAL: Final = "seal"
# What the first row is sealed after.
BEGINNING: Final = b""


class Chain:
    """Makes the seals of one service's log.

    Args:
        master_key: The service's ``vault_key`` secret, of which the key is made.
    """

    def __init__(self, master_key: str) -> None:
        master = base64.urlsafe_b64decode(master_key)
        self._key = hmac.digest(master, b"event log", "sha256")

    def seal(self, before: bytes, row: Document) -> bytes:
        """The seal of a row; one that it carries already plays no part."""
        content = {name: value for name, value in row.items() if name != SEAL}
        return hmac.digest(self._key, before + bson.encode(content), "sha256")


@dataclass(frozen=True)
class Break:
    """Where a log is not what was written.

    Attributes:
        first: Position of the first row that it concerns.
        last: Of the last one.
        problem: ``altered`` (or what stands before it was), ``missing``,
            ``added``, ``unsealed``, or ``replaced``: it is sealed, but is not
            the one that was seen earlier.
    """

    first: int
    last: int
    problem: str


class Walk:
    """One walk along a log, from its first row to the last one given.

    Attributes:
        rows: How many there were.
        unsealed: How many there were before any was sealed.
        position: Of the last one.
        seal: Of the last one.

    Args:
        chain: Made the seals.
        seen: Positions, and the seals that they had at an earlier time.
        most_unsealed: How many rows may be from before there were seals.
    """

    def __init__(
        self,
        chain: Chain,
        seen: Mapping[int, bytes] = MappingProxyType({}),
        most_unsealed: int = 0,
    ) -> None:
        self._chain = chain
        self._seen = seen
        self._most_unsealed = most_unsealed
        self.rows = 0
        self.unsealed = 0
        self.position = 0
        self.seal = BEGINNING

    def breaks(self, rows: Iterable[Document], last: int) -> Iterator[Break]:
        """What is wrong with a log; the rest of it is looked at all the same.

        Args:
            rows: All of it, in the order of positions.
            last: The position of the row that was written last.
        """
        for row in rows:
            yield from self._missing(row["position"] - 1)
            if row["position"] == self.position:
                yield Break(self.position, self.position, "added")
                continue
            self.rows += 1
            self.position = row["position"]
            problem = self._problem(row)
            if problem is not None:
                yield Break(self.position, self.position, problem)
        yield from self._missing(last)

    def _missing(self, last: int) -> Iterator[Break]:
        if self.position < last:
            yield Break(self.position + 1, last, "missing")
            self.position = last

    def _problem(self, row: Document) -> str | None:
        found = row.get(SEAL)
        if found is None:
            is_old = self.unsealed == self.rows - 1
            self.unsealed += is_old
            may_be = is_old and self.unsealed <= self._most_unsealed
            return None if may_be else "unsealed"
        wanted = self._chain.seal(self.seal, row)
        # What follows is judged for itself.
        self.seal = bytes(found)
        if not hmac.compare_digest(self.seal, wanted):
            return "altered"
        seen = self._seen.get(self.position, self.seal)
        return None if hmac.compare_digest(self.seal, seen) else "replaced"
