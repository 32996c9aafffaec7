"""How far every service's events have come: pending, logged, published, handled.

Every question is answered from an index or from a collection's metadata.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pymongo
from pymongo.database import Database

from chassis.event_log import EVENT_LOG, PENDING_INDEX
from chassis.leases import LEASES
from chassis.mongo import Collection
from chassis.topology import dead_letter_queue
from stack.broker import QueueDepth, operator_connection, queue_depth
from stack.databases import collections_of, has_event_log, operator_mongo
from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import PRINCIPALS, SERVICES
from stack.topology import definitions

__all__ = ["STUCK_S", "OutboxReport", "ServiceOutbox", "collect_outboxes"]

# Longer than a dead relay's lease, after which another takes over.
STUCK_S: Final = 10.0
_COUNT_CAP: Final = 10_000
_TIMEOUT_S: Final = 5


@dataclass(frozen=True)
class ServiceOutbox:
    """One service's events on their way.

    Attributes:
        has_outbox: Whether it publishes at all; if not, nothing is known of the
            six that follow.
        pending_records: Records with events that the log does not have yet;
            counted up to 10 000 in each collection.
        logged: Events in the log, about.
        unpublished: Events of the log that the broker has not confirmed.
        relay: The process that holds the lease, if any does.
        relay_held_s: How long it still does without renewing it.
        queues: Those that the service's handlers consume.
        problems: What a person should look at.
    """

    service: str
    has_outbox: bool = False
    pending_records: int = 0
    oldest_pending_s: float | None = None
    logged: int = 0
    unpublished: int = 0
    oldest_unpublished_s: float | None = None
    relay: str | None = None
    relay_epoch: int | None = None
    relay_held_s: float = 0.0
    queues: tuple[QueueDepth, ...] = ()
    dead_letters: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutboxReport:
    """All that were asked for, and the retry ladder, which everybody shares."""

    services: tuple[ServiceOutbox, ...]
    rungs: tuple[QueueDepth, ...]


def collect_outboxes(paths: StatePaths, service: str | None = None) -> OutboxReport:
    """Ask databases and broker, as they are at this moment.

    Raises:
        StackError: There is no such service, or a server does not answer.
    """
    if service is not None and service not in SERVICES:
        raise StackError(
            f"There is no service {service}. There are: {', '.join(SERVICES)}."
        )
    chosen = SERVICES if service is None else (service,)
    stored = dict(_stored(paths, chosen))
    queues = definitions()["queues"]
    with operator_connection(paths) as broker:
        services = tuple(_with_queues(broker, stored[name], queues) for name in chosen)
        rungs = tuple(
            queue_depth(broker, each["name"])
            for each in queues
            if "x-message-ttl" in each["arguments"]
        )
    return OutboxReport(services, rungs)


def _stored(
    paths: StatePaths, services: tuple[str, ...]
) -> Iterator[tuple[str, ServiceOutbox]]:
    with operator_mongo(paths) as client, pymongo.timeout(_TIMEOUT_S):
        for service in services:
            database = client[str(PRINCIPALS[service].database)]
            yield service, _read(service, database, collections_of(service))


def _read(
    service: str, database: Database[Any], collections: tuple[Collection, ...]
) -> ServiceOutbox:
    if not has_event_log(collections):
        return ServiceOutbox(service)
    now = datetime.now(tz=UTC)
    pending, oldest = 0, None
    for collection in collections:
        if PENDING_INDEX in collection.indexes:
            count, since = _pending(database, collection.name)
            pending += count
            oldest = min(filter(None, (oldest, since)), default=None)
    lease = database[LEASES.name].find_one({"_id": "relay"}) or {}
    published = lease.get("published", 0)
    held_s = (lease["expires_at"] - now).total_seconds() if lease else 0.0
    return ServiceOutbox(
        service=service,
        has_outbox=True,
        pending_records=pending,
        oldest_pending_s=_age_s(oldest, now),
        logged=database[EVENT_LOG.name].estimated_document_count(),
        unpublished=lease.get("position", 0) - published,
        oldest_unpublished_s=_age_s(_oldest_unpublished(database, published), now),
        relay=lease.get("owner") if held_s > 0 else None,
        relay_epoch=lease.get("epoch"),
        relay_held_s=max(0.0, held_s),
    )


def _pending(database: Database[Any], name: str) -> tuple[int, datetime | None]:
    """How many records of a collection have pending events, and since when."""
    keys = list(PENDING_INDEX.keys)
    condition = {"pending_at": {"$exists": True}}
    count = database[name].count_documents(condition, hint=keys, limit=_COUNT_CAP)
    first = database[name].find_one(
        condition, {"_id": 0, "pending_at": 1}, sort=keys, hint=keys
    )
    return count, first["pending_at"] if first else None


def _oldest_unpublished(database: Database[Any], published: int) -> datetime | None:
    row = database[EVENT_LOG.name].find_one(
        {"position": {"$gt": published}}, {"occurred_at": 1}, sort=[("position", 1)]
    )
    return datetime.fromisoformat(row["occurred_at"]) if row else None


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return max(0.0, (now - moment).total_seconds()) if moment else None


def _with_queues(
    broker: Any, outbox: ServiceOutbox, queues: list[Mapping[str, Any]]
) -> ServiceOutbox:
    own = tuple(
        queue_depth(broker, each["name"])
        for each in queues
        if each["arguments"].get("x-dead-letter-routing-key") == outbox.service
    )
    dead_letters = queue_depth(broker, dead_letter_queue(outbox.service)).messages
    complete = dataclasses.replace(outbox, queues=own, dead_letters=dead_letters)
    return dataclasses.replace(complete, problems=tuple(_problems(complete)))


def _problems(outbox: ServiceOutbox) -> Iterator[str]:
    for what, age_s in (
        ("not yet in the event log", outbox.oldest_pending_s),
        ("not yet published", outbox.oldest_unpublished_s),
    ):
        if age_s is not None and age_s > STUCK_S:
            yield f"stuck: the oldest event {what} is {age_s:.0f} s old"
    if outbox.has_outbox and outbox.relay is None:
        yield "no relay: no events process holds its lease"
    yield from _queue_problems(outbox)


def _queue_problems(outbox: ServiceOutbox) -> Iterator[str]:
    for queue in outbox.queues:
        if queue.messages is None:
            yield f"{queue.name} is missing; `./crm migrate` declares it"
        elif not queue.consumers:
            yield f"nobody consumes {queue.name}, where {queue.messages} wait"
    if outbox.dead_letters is None:
        yield "its queue of dead letters is missing; `./crm migrate` declares it"
    elif outbox.dead_letters:
        yield f"{outbox.dead_letters} dead letters; see `./crm dlq list`"
