"""What the probe keeps: its records, what it did, and what it is to do."""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import eventlet

from chassis.event_log import OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.events import Event
from chassis.jobs import JOBS
from chassis.mongo import Collection
from chassis.repository import Repository

ENTRIES = Collection("entries", (PENDING_INDEX,))
# One row each time that anything is started, with the process that did it.
STARTS = Collection("starts", is_global=True)
# One row each time that an event has its effect.
EFFECTS = Collection("effects", is_global=True)
PROCESSED = Collection("processed_events", is_global=True)
# What is to befall whoever handles an event of the record that is ``_id``.
ORDERS = Collection("orders", is_global=True)
COLLECTIONS = (ENTRIES, JOBS, STARTS, EFFECTS, PROCESSED, ORDERS, *OUTBOX_COLLECTIONS)


class OrderedToFailError(Exception):
    """As the row in ``orders`` wanted."""


@dataclass(frozen=True)
class Entry:
    """A number that each change counts up."""

    id: str
    number: int = 0
    version: int = 1
    sequence: int = 0
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None


class EntryRepository(Repository[Entry]):
    """The entries of one organization."""

    collection: ClassVar = ENTRIES
    noun: ClassVar = "entry"
    resource: ClassVar = "entries"
    fields: ClassVar = {}
    entity: ClassVar = Entry


def entry_event(kind, entry):
    """``probe.entry_added`` or ``probe.entry_changed``, v1."""
    return Event(name=f"probe.entry_{kind}", data={"number": entry.number})


class Journal:
    """Writes down what happens, outside of any transaction but its own."""

    def __init__(self, database, context):
        self._database = database
        self._context = context

    def start(self, what, key):
        """Say that ``what`` begins; how often it has for this key."""
        self._database["starts"].insert_one(
            {
                "what": what,
                "key": key,
                "pid": os.getpid(),
                "traceparent": self._context.traceparent,
            }
        )

    def obey(self, what, events):
        """Do as the orders for this handler and these records say, if any.

        Raises:
            OrderedToFailError: One says so.
        """
        self.obey_orders(f"{what}:{event['aggregate']['id']}" for event in events)

    def obey_orders(self, keys):
        """Do as the orders with these ids say, if there are any."""
        for order in self._database["orders"].find({"_id": {"$in": list(keys)}}):
            eventlet.sleep(order.get("sleep_s", 0))
            if order.get("fails"):
                raise OrderedToFailError(order["_id"])

    def affect(self, what, events):
        """Let each event have its effect once, all of them or none."""
        markers = {f"{what}:{event['id']}": event for event in events}

        def work(session):
            processed = self._database["processed_events"]
            of_these = {"_id": {"$in": list(markers)}}
            known = {row["_id"] for row in processed.find(of_these, session=session)}
            fresh = {id_: event for id_, event in markers.items() if id_ not in known}
            if not fresh:
                return
            processed.insert_many([{"_id": id_} for id_ in fresh], session=session)
            effects = [
                {
                    "what": what,
                    "key": event["aggregate"]["id"],
                    "sequence": event["sequence"],
                }
                for event in fresh.values()
            ]
            self._database["effects"].insert_many(effects, session=session)

        with self._database.client.start_session() as session:
            session.with_transaction(work)
