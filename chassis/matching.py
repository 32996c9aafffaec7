"""Finding the one record that an upsert means, without making it twice.

Two upserts of one new address at the same time would both find nothing. What
was not found is therefore locked before it is looked for once more and made.
A lock belongs to an operation: one that is tried again, as its process died,
finds its own, and what it makes twice is one thing by its id.
"""

import hashlib
from collections.abc import Collection as Names
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from pymongo.database import Database

from chassis.context import Context
from chassis.mongo import Collection, Document, Index
from chassis.rows import TenantRows

__all__ = ["MATCH_LOCKS", "MatchLocks"]

MATCH_LOCKS: Final = Collection(
    "match_locks", (Index((("expires_at", 1),), expires_after_s=0),)
)
# Longer than any request lasts; a process that dies leaves its locks so long.
_LIFE: Final = timedelta(seconds=60)


class MatchLocks:
    """Locks on values of one organization that records are about to be made for."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = TenantRows(database[MATCH_LOCKS.name], context)
        self._context = context

    @contextmanager
    def hold(self, resource: str, values: Names[str]) -> Iterator[set[str]]:
        """Lock ``values``; those that another operation holds are left out."""
        ids = {self._id(resource, value): value for value in sorted(values)}
        held = self._take(list(ids))
        try:
            yield {ids[each] for each in held}
        finally:
            if held:
                self._rows.delete_many({"_id": {"$in": held}})

    def _take(self, ids: list[str]) -> list[str]:
        if not ids:
            return []
        now, operation_id = self._context.now(), self._context.operation_id
        lock = {"operation_id": operation_id, "expires_at": now + _LIFE}
        taken = self._rows.insert_many([{"_id": each, **lock} for each in ids])
        is_free = [{"expires_at": {"$lt": now}}, {"operation_id": operation_id}]
        return [
            each
            for place, each in enumerate(ids)
            if place not in taken
            or self._rows.update({"_id": each, "$or": is_free}, {"$set": lock})
        ]

    def _id(self, resource: str, value: str) -> str:
        scope = f"{self._rows.org_id}\n{resource}\n{value}".encode()
        return hashlib.sha256(scope).hexdigest()
