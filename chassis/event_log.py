"""Where a service keeps what it has told, and what waits to be told."""

from typing import Final

from chassis.leases import LEASES
from chassis.mongo import Collection, Index
from chassis.vault import SUBJECT_KEYS

__all__ = ["EVENT_LOG", "OUTBOX_COLLECTIONS", "PENDING_INDEX"]

EVENT_LOG: Final = Collection(
    "event_log",
    (
        Index((("position", 1),)),
        Index((("org_id", 1), ("aggregate.id", 1), ("sequence", 1)), is_unique=True),
    ),
    is_append_only=True,
)
OUTBOX_COLLECTIONS: Final = (EVENT_LOG, LEASES, SUBJECT_KEYS)
# Every collection of records with events declares it.
PENDING_INDEX: Final = Index((("pending_at", 1),), is_sparse=True)
