"""Fills a customer database with made-up organizations, by several processes.

Records get the shape that the service's own repositories give them. They come
without events: nobody announced them, and the log knows nothing of them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Any, Final

import pymongo
from pymongo.write_concern import WriteConcern

from chassis.context import operator_context
from chassis.migrate import migrate
from chassis.refreshing import note_shape
from chassis.repository import Repository
from evaluation.data.customers import Organization
from evaluation.data.interactions import interactions_of
from evaluation.data.roll_ups import CountedInteractions, roll_up
from svc_customer.repository import COLLECTIONS, REPOSITORIES
from svc_customer.repository.accounts import ACCOUNTS, AccountRepository
from svc_customer.repository.contacts import CONTACTS, ContactRepository
from svc_customer.repository.interaction_days import INTERACTION_DAYS
from svc_customer.repository.interactions import INTERACTIONS

__all__ = ["Seeded", "seed"]

_FILLED: Final = (ACCOUNTS, CONTACTS, INTERACTIONS, INTERACTION_DAYS)
_SERVICE: Final = "customer"
_BATCH: Final = 500
_SHARE: Final = 20_000
_PROCESSES: Final = 2


@dataclass(frozen=True)
class _Kind:
    """How one kind of record is made and kept."""

    repository: type[Repository[Any]]
    make: Callable[[Organization, int, int], Iterator[Any]]


_KINDS: Final[Mapping[str, _Kind]] = {
    "accounts": _Kind(AccountRepository, Organization.accounts),
    "contacts": _Kind(ContactRepository, Organization.contacts),
    "interactions": _Kind(CountedInteractions, interactions_of),
}


@dataclass(frozen=True)
class Seeded:
    """How much there is now, and how long that took.

    Attributes:
        data_mb: Of documents, as they lie on the disk.
        index_mb: Of their indexes, likewise.
    """

    counts: dict[str, int]
    records_s: float
    indexes_s: float
    data_mb: float
    index_mb: float


@dataclass(frozen=True)
class _Share:
    """What one process stores in one go.

    Attributes:
        start: The number of the first account or contact; interactions are
            those of so many contacts.
    """

    uri: str
    organization: Organization
    kind: str
    start: int
    stop: int


def seed(
    uri: str,
    organizations: Sequence[Organization],
    say: Callable[[str], None],
    *,
    with_interactions: bool = False,
) -> Seeded:
    """Store all of them; indexes are made afterwards, which is faster.

    Args:
        uri: Of a user who may do everything in the database.
        organizations: See ``evaluation.data.customers.organizations``.
        say: Hears how far it is.
        with_interactions: Whether anything happened with the contacts.

    Raises:
        ValueError: There are records already.
    """
    started = time.monotonic()
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        database = client[f"rapport_{_SERVICE}"]
        for collection in _FILLED:
            if database[collection.name].find_one():
                raise ValueError(f"There are {collection.name} already.")
            database[collection.name].drop_indexes()
        shares = _shares(uri, organizations, with_interactions=with_interactions)
        _fill(list(shares), say)
        if with_interactions:
            say("summing up interactions")
            roll_up(database)
        for kind in _KINDS.values():
            made = kind.repository
            note_shape(database, made.collection.name, made.schema_version)
        stored = time.monotonic()
        say("making indexes")
        migrate(client, _SERVICE, None, COLLECTIONS, REPOSITORIES)
        sizes = [database.command("collStats", each.name) for each in _FILLED]
    return Seeded(
        counts={each["ns"].split(".")[1]: each["count"] for each in sizes},
        records_s=stored - started,
        indexes_s=time.monotonic() - stored,
        data_mb=sum(each["storageSize"] for each in sizes) / 1e6,
        index_mb=sum(each["totalIndexSize"] for each in sizes) / 1e6,
    )


def _fill(shares: Sequence[_Share], say: Callable[[str], None]) -> None:
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(_store, shares), 1):
            if done % 10 == 0 or done == len(shares):
                say(f"stored {done / len(shares):.0%} of the records")


def _shares(
    uri: str, organizations: Sequence[Organization], *, with_interactions: bool
) -> Iterator[_Share]:
    for organization in organizations:
        counts = {
            "accounts": organization.account_count,
            "contacts": organization.contact_count,
            "interactions": organization.contact_count * with_interactions,
        }
        for kind, count in counts.items():
            for start in range(0, count, _SHARE):
                stop = min(start + _SHARE, count)
                yield _Share(uri, organization, kind, start, stop)


def _store(share: _Share) -> None:
    with pymongo.MongoClient[dict[str, Any]](share.uri) as client:
        database = client.get_database(
            f"rapport_{_SERVICE}", write_concern=WriteConcern(w=1)
        )
        kind = _KINDS[share.kind]
        context = operator_context(share.organization.id)
        records = kind.repository(database, context)
        made = kind.make(share.organization, share.start, share.stop)
        while batch := list(islice(made, _BATCH)):
            added = records.add_all([(each, None, None) for each in batch])
            if refused := [each for each in added if isinstance(each, Exception)]:
                raise refused[0]
