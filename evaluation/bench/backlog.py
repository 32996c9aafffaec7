"""Events made in advance: envelopes in a queue, records whose events wait."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import pymongo

from chassis import codec
from chassis.context import Context
from chassis.events import Envelope, envelope
from chassis.ids import new_id
from chassis.publishing import ConfirmingPublisher
from evaluation.bench.documents import sample
from evaluation.bench.services.outbox.repository import (
    ENTRIES,
    EntryRecord,
    entry_added,
)
from evaluation.bench.services.outbox.service import ORG_ID

__all__ = ["envelopes", "fill_outbox", "fill_queue"]

_WINDOW: Final = 500
_AGGREGATES: Final = 1_000


def envelopes() -> Iterator[Envelope]:
    """Valid envelopes without end, of a thousand aggregates in turn."""
    aggregates = [new_id() for _ in range(_AGGREGATES)]
    sequence = 0
    while True:
        sequence += 1
        for aggregate_id in aggregates:
            yield _envelope(aggregate_id, sequence)


def _envelope(aggregate_id: str, sequence: int) -> Envelope:
    operation_id = new_id()
    context = Context(
        caller=None,
        org_id=ORG_ID,
        actor={"type": "service", "id": "service:outbox"},
        operation_id=operation_id,
        request_id=operation_id,
        traceparent="",
        deadline=time.time(),
    )
    event = entry_added(EntryRecord(id=aggregate_id, content={}))
    visibility: dict[str, Any] = {"owner_id": None, "acl": []}
    aggregate = {"type": "entry", "id": aggregate_id}
    return envelope(event, aggregate, sequence, visibility, context)


def fill_queue(amqp_uri: str, queue: str, count: int) -> None:
    """Publish ``count`` events into one queue, every one of them confirmed.

    Raises:
        NotPublishedError: The broker did not take them.
    """
    publisher = ConfirmingPublisher(amqp_uri)
    for number, each in enumerate(islice(envelopes(), count), 1):
        publisher.publish("", queue, codec.encode(each), message_id=each["id"])
        if number % _WINDOW == 0:
            publisher.flush()
    publisher.flush()
    publisher.close()


def fill_outbox(client: pymongo.MongoClient[dict[str, Any]], count: int) -> None:
    """Insert ``count`` records with one pending event each, as a repository does."""
    rows = client["rapport_outbox"][ENTRIES.name]
    remaining = count
    while remaining:
        size = min(_WINDOW, remaining)
        rows.insert_many([_record() for _ in range(size)], ordered=False)
        remaining -= size


def _record() -> dict[str, Any]:
    record_id = new_id()
    event = entry_added(EntryRecord(id=record_id, content={}))
    pending = {
        **_envelope(record_id, 1),
        "changes": dict(event.changes),
        "personal": [],
        "subject_id": None,
    }
    return {
        "_id": record_id,
        "org_id": ORG_ID,
        "content": sample(),
        "version": 1,
        "sequence": 1,
        "operations": [pending["operation_id"]],
        "pending_events": [pending],
        "pending_at": datetime.now(tz=UTC),
    }
