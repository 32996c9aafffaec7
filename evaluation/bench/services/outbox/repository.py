"""Records that carry their events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from chassis.event_log import OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.events import Event
from chassis.fields import Field
from chassis.mongo import Collection
from chassis.repository import Repository

__all__ = ["COLLECTIONS", "EntryRecord", "EntryRepository", "entry_added"]

ENTRIES: Final = Collection("entries", (PENDING_INDEX,))
COLLECTIONS: Final = (ENTRIES, *OUTBOX_COLLECTIONS)


@dataclass(frozen=True)
class EntryRecord:
    """The benchmark's document as an aggregate."""

    id: str
    content: Mapping[str, Any]
    version: int = 1
    sequence: int = 0
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None


class EntryRepository(Repository[EntryRecord]):
    """The entries of one organization."""

    collection: ClassVar[Collection] = ENTRIES
    noun: ClassVar[str] = "entry"
    resource: ClassVar[str] = "entries"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity: ClassVar[type[Any]] = EntryRecord


def entry_added(entry: EntryRecord) -> Event:
    """``outbox.entry_added`` v1: what one write announces."""
    return Event(
        name="outbox.entry_added",
        data={"entry_id": entry.id, "type": "bench"},
        changes={"status": {"from": None, "to": "active"}},
    )
