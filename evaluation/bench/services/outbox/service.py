"""The rpc role: one write that leaves an event behind."""

from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.ids import new_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.signing import CurrentContext
from evaluation.bench.services.outbox.repository import (
    EntryRecord,
    EntryRepository,
    entry_added,
)

__all__ = ["ORG_ID", "OutboxService"]

ORG_ID: Final = "01900000-0000-7000-8000-000000000001"


class OutboxService:
    """Writes records the way every service of Rapport does."""

    name = "outbox"

    context: Context = inject(CurrentContext())
    entries: EntryRepository = inject(Repositories(EntryRepository))

    @rpc(public=True)
    def write_document(self, *, content: dict[str, Any]) -> str:
        """Store the document with its event in one write.

        Emits:
            ``outbox.entry_added`` v1.
        """
        self.context.org_id = ORG_ID
        entry = EntryRecord(id=new_id(), content=content)
        return self.entries.add(entry, entry_added(entry)).id
