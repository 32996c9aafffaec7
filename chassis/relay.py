"""What the outbox relay does: pending events into the log, the log to the broker.

Who calls it, and when, is ``chassis.outbox``.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import pymongo
from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as Rows
from pymongo.database import Database

from chassis import codec
from chassis.chain import BEGINNING, SEAL, Chain
from chassis.event_log import EVENT_LOG
from chassis.leases import LEASES, Lease
from chassis.mongo import Document
from chassis.publishing import ConfirmingPublisher, NotPublishedError
from chassis.topology import event_exchange
from chassis.vault import Vault

__all__ = ["LEASE_LIFE", "LeaseLostError", "Relay"]

LEASE_LIFE: Final = timedelta(seconds=8)
_BATCH: Final = 200
# Of one record at a time, so that a batch has a size that can be told.
_MOST_OF_ONE: Final = 50
# What the log has and nobody else is told.
_PRIVATE: Final = frozenset(
    {
        "_id",
        "changes",
        "origin",
        "personal",
        "position",
        "record_updated_at",
        "record_version",
        "seal",
        "sealed",
        "step",
        "subject_id",
    }
)


class LeaseLostError(Exception):
    """Another process relays by now."""


class Relay:
    """What a relay does, one batch at a time, on the strength of a lease.

    Every method below may die after any of its steps: the next relay does the
    step again, which changes nothing in the log and repeats a publication.

    Args:
        database: The service's own.
        collections: The names of the collections whose records have events.
        lease: Held by the caller; a method that finds it lost writes nothing.
        publisher: The connection to the broker; its window is the relay's.
        vault: Encrypts what is personal in the log.
        chain: Seals the log's rows.
    """

    def __init__(
        self,
        database: Database[Document],
        collections: Sequence[str],
        lease: Lease,
        publisher: ConfirmingPublisher,
        *,
        vault: Vault,
        chain: Chain,
    ) -> None:
        self._database = database
        self._collections = collections
        self._lease = lease
        self._publisher = publisher
        self._vault = vault
        self._chain = chain
        self._fresh: list[Document] = []
        # Position and seal of the row that this relay appended last.
        self._head = (0, BEGINNING)

    def work(self) -> bool:
        """Log what is pending, publish what is logged, and tidy the records up.

        Whether or not the broker is there, what is pending gets into the log.

        Returns:
            Whether more was there than fits a batch.

        Raises:
            LeaseLostError: Another process relays by now.
            NotPublishedError: The broker does not have all of the batch; it
                will be published again.
        """
        self._fresh = []
        with pymongo.timeout(LEASE_LIFE.total_seconds() / 2):
            collected = [(name, self._collect(name)) for name in self._collections]
        try:
            published = self._publish()
        except NotPublishedError:
            self._tidy(collected)
            raise
        self._tidy(collected)
        return published >= _BATCH or any(_is_cut(found) for _, found in collected)

    def _tidy(self, collected: list[tuple[str, list[Document]]]) -> None:
        for name, found in collected:
            if found:
                self._forget(self._database[name], found)

    def _collect(self, name: str) -> list[Document]:
        """Copy a batch of a collection's pending events into the log."""
        records = self._database[name]
        found = list(
            records.find(
                {"pending_at": {"$exists": True}},
                # Naming another field leaves out all that are not named.
                {"pending_at": 1, "pending_events": {"$slice": _MOST_OF_ONE}},
                sort=[("pending_at", 1)],
                limit=_BATCH,
                hint=[("pending_at", 1)],
            )
        )
        if found:
            self._log([event for record in found for event in record["pending_events"]])
        return found

    @staticmethod
    def _forget(records: Rows[Document], found: list[Document]) -> None:
        """Take out of the records what the log has by now."""
        records.bulk_write(
            [
                _without(record["_id"], [e["id"] for e in record["pending_events"]])
                for record in found
            ],
            ordered=False,
        )

    def _log(self, events: list[Document]) -> None:
        """Append what the log does not have yet."""
        log = self._database[EVENT_LOG.name]
        # A record that was copied, events and all, must not hold up the others.
        unique = {event["id"]: event for event in events}
        wanted = {"_id": {"$in": list(unique)}}
        known = {row["_id"] for row in log.find(wanted, {"_id": 1})}
        rows = [self._row(e, keys) for e, keys in self._keyed(unique.values(), known)]
        if rows:
            self._append(rows)

    def _append(self, rows: list[Document]) -> None:
        """Number the rows, seal and store them, in one transaction.

        The lease's row is part of it: positions become visible in order, and
        a relay that lost its lease cannot append behind the cursor.
        """

        def append(session: ClientSession) -> int:
            lease: Any = self._database[LEASES.name].find_one_and_update(
                self._lease.condition,
                {"$inc": {"position": len(rows)}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if lease is None:
                raise LeaseLostError
            first = lease["position"] - len(rows) + 1
            seal = self._seal_at(first - 1, session)
            for position, row in enumerate(rows, first):
                row["position"] = position
                seal = row[SEAL] = self._chain.seal(seal, row)
            self._database[EVENT_LOG.name].insert_many(rows, session=session)
            published: int = lease.get("published", 0)
            return published

        with self._database.client.start_session() as session:
            published = session.with_transaction(append)
        self._head = (rows[-1]["position"], rows[-1][SEAL])
        # What comes right behind the cursor need not be read again.
        if published + len(self._fresh) + 1 == rows[0]["position"]:
            self._fresh += rows

    def _seal_at(self, position: int, session: ClientSession) -> bytes:
        """The seal behind which the log goes on."""
        if self._head[0] == position:
            return self._head[1]
        row = self._database[EVENT_LOG.name].find_one(
            {"position": position}, {SEAL: 1}, session=session
        )
        # Those from before there were seals have none.
        return BEGINNING if row is None else bytes(row.get(SEAL, BEGINNING))

    def _keyed(
        self, events: Iterable[Document], known: set[str]
    ) -> Iterator[tuple[Document, dict[str, Any]]]:
        fresh = [event for event in events if event["id"] not in known]
        keys = self._vault.keys_of(
            (event["org_id"], event["subject_id"])
            for event in fresh
            if event["personal"] and event["subject_id"]
        )
        return ((event, keys) for event in fresh)

    def _row(self, event: Document, keys: dict[str, Any]) -> Document:
        """An event with its changes, personal values encrypted."""
        public = {name: value for name, value in event.items() if name != "id"}
        key = keys.get(event["subject_id"])
        changes = event["changes"]
        sealed = {}
        if key is not None:
            private = {n: v for n, v in changes.items() if n in event["personal"]}
            changes = {n: v for n, v in changes.items() if n not in private}
            sealed = {"sealed": self._vault.encrypt(key, private, event["id"])}
        return {"_id": event["id"], **public, "changes": changes, **sealed}

    def _publish(self) -> int:
        """Publish a batch and move the cursor; how many events there were."""
        rows = self._fresh or self._unpublished()
        if not rows:
            return 0
        in_flight: set[str] = set()
        for row in rows:
            # Order within a record holds because the next event of it leaves
            # only when the one before is safe.
            if row["aggregate"]["id"] in in_flight:
                self._publisher.flush()
                in_flight.clear()
            in_flight.add(row["aggregate"]["id"])
            self._send(row)
        self._publisher.flush()
        self._advance(rows[-1]["position"])
        return len(rows)

    def _unpublished(self) -> list[Document]:
        lease = self._database[LEASES.name].find_one(self._lease.condition)
        if lease is None:
            raise LeaseLostError
        behind = {"position": {"$gt": lease.get("published", 0)}}
        log = self._database[EVENT_LOG.name]
        return list(log.find(behind, sort=[("position", 1)], limit=_BATCH))

    def _advance(self, position: int) -> None:
        """Move the cursor; not if the lease, and the cursor with it, is another's."""
        self._database[LEASES.name].update_one(
            self._lease.condition, {"$set": {"published": position}}
        )

    def _send(self, row: Document) -> None:
        event = {name: value for name, value in row.items() if name not in _PRIVATE}
        source, _, short_name = row["event"].partition(".")
        self._publisher.publish(
            event_exchange(source),
            short_name,
            codec.encode({"id": row["_id"], **event}),
            message_id=row["_id"],
        )


def _is_cut(found: list[Document]) -> bool:
    """Whether a batch was as large as may be, in records or events of one."""
    most = max((len(record["pending_events"]) for record in found), default=0)
    return len(found) >= _BATCH or most >= _MOST_OF_ONE


def _without(record_id: str, event_ids: list[str]) -> UpdateOne:
    """Take events out of a record; ``pending_at`` goes with the last of them."""
    remaining = {
        "$filter": {
            "input": "$pending_events",
            "cond": {"$not": [{"$in": ["$$this.id", event_ids]}]},
        }
    }
    is_done = {"$eq": ["$pending_events", []]}
    return UpdateOne(
        {"_id": record_id},
        [
            {"$set": {"pending_events": remaining}},
            {"$set": {"pending_at": {"$cond": [is_done, "$$REMOVE", "$pending_at"]}}},
        ],
    )
