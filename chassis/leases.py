"""Leases: of many processes, one does a thing, and another takes over.

Each new holder gets a higher epoch. Whoever writes on the strength of a lease
makes the epoch part of the write's condition, so that a holder who was only
asleep cannot undo the work of the next.
"""

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.collection import Collection as Rows
from pymongo.errors import DuplicateKeyError

from chassis.ids import new_id
from chassis.mongo import Collection, Document

__all__ = ["LEASES", "Lease"]

LEASES: Final = Collection("leases", is_global=True)


class Lease:
    """One process's claim on one name.

    Args:
        rows: The service's ``leases``.
        name: What is held.
        lifetime: After this long without renewal another may take it.
    """

    def __init__(self, rows: Rows[Document], name: str, lifetime: timedelta) -> None:
        self._rows = rows
        self._name = name
        self._lifetime = lifetime
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self.epoch: int | None = None
        self._renewed_at = float("-inf")

    @property
    def condition(self) -> dict[str, Any]:
        """What the lease's row must match while it is ours."""
        return {"_id": self._name, "owner": self._owner, "epoch": self.epoch}

    def hold(self, renew_after: timedelta = timedelta(0)) -> bool:
        """Renew the lease, or take it if it is free; whether we hold it now.

        Args:
            renew_after: Believe that it is still ours for so long after the
                last renewal. Right where every write has :attr:`condition` in
                it, and much less than the lifetime.
        """
        if self.epoch is not None:
            age_s = time.monotonic() - self._renewed_at
            if age_s < renew_after.total_seconds():
                return True
        now = datetime.now(tz=UTC)
        expiry = {"$set": {"expires_at": now + self._lifetime}}
        asked_at = time.monotonic()
        is_held = self.epoch is not None and self._renew(expiry)
        if is_held or self._take(now, expiry):
            self._renewed_at = asked_at
            return True
        return False

    def _renew(self, expiry: dict[str, Any]) -> bool:
        if self._rows.update_one(self.condition, expiry).matched_count:
            return True
        self.epoch = None
        return False

    def _take(self, now: datetime, expiry: dict[str, Any]) -> bool:
        expiry["$set"]["owner"] = self._owner
        try:
            row: Any = self._rows.find_one_and_update(
                {"_id": self._name, "expires_at": {"$lt": now}},
                {**expiry, "$inc": {"epoch": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False
        self.epoch = row["epoch"]
        return True

    def release(self) -> None:
        """Let go at once, so that the next holder need not wait."""
        if self.epoch is not None:
            released = {"$set": {"expires_at": datetime.fromtimestamp(0, tz=UTC)}}
            self._rows.update_one(self.condition, released)
            self.epoch = None
