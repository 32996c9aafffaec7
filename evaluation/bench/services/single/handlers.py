"""The events role: one event at a time, in a transaction and in a single write."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis import inject
from chassis.context import Context
from chassis.handling import event_handler
from chassis.mongo import Document, Repositories, Transaction, Transactions
from chassis.rows import TenantRows

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


class Effects:
    """What events brought about, each under the event's own id."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._effects = TenantRows(database["effects"], context)

    def add(self, event_id: str, data: dict[str, Any]) -> None:
        """Keep one.

        Raises:
            DuplicateKeyError: It is there already.
        """
        self._effects.insert({"_id": event_id, **data})


class SingleEvents:
    """Has an effect once per event, in the two ways that handlers have."""

    name = "single"

    transaction: Transaction = inject(Transactions())
    counts: Counts = inject(Repositories(Counts))
    effects: Effects = inject(Repositories(Effects))

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

    @event_handler("outbox", "entry_kept")
    def on_entry_kept(self, event: dict[str, Any]) -> None:
        """Keep a row for the event.

        Idempotent by the row's id, as svc_notify's deliveries are.
        """
        try:
            self.effects.add(event["id"], event["data"])
        except DuplicateKeyError:
            return
