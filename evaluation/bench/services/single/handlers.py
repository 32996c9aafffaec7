"""The events role: one transaction per event, as most handlers need."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis import inject
from chassis.context import Context
from chassis.handling import event_handler
from chassis.mongo import Document, Repositories, TenantRows, Transaction, Transactions

__all__ = ["SingleEvents"]


class Counts:
    """How often something happened to each aggregate."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._inbox = TenantRows(database["processed_events"], context)
        self._counts = TenantRows(database["counts"], context)
        self._context = context

    def mark(self, event_id: str) -> None:
        """Put the event into the inbox.

        Raises:
            DuplicateKeyError: It is there already.
        """
        self._inbox.insert({"_id": event_id, "processed_at": self._context.now()})

    def add(self, aggregate_id: str) -> None:
        """Count one more."""
        self._counts.upsert({"_id": aggregate_id}, {"$inc": {"count": 1}})


class SingleEvents:
    """Counts events, each of them once."""

    name = "single"

    transaction: Transaction = inject(Transactions())
    counts: Counts = inject(Repositories(Counts))

    @event_handler("outbox", "entry_added")
    def on_entry_added(self, event: dict[str, Any]) -> None:
        """Count the event.

        Idempotent by ``processed_events``, written in the same transaction.
        """

        def count() -> None:
            self.counts.mark(event["id"])
            self.counts.add(event["aggregate"]["id"])

        try:
            self.transaction(count)
        except DuplicateKeyError:
            return
