"""``./crm bench customer``: what the history of a record costs a write.

The same changes of the same contacts are stored, logged and published with
their history and without: the values before and after, encrypted where they
are personal, and the seal of the log's row. What that adds is set against all
that a change over HTTP takes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from statistics import median
from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo.database import Database

from chassis.chain import BEGINNING, Chain
from chassis.context import operator_context
from chassis.event_log import OUTBOX_COLLECTIONS
from chassis.events import Event
from chassis.ids import new_id
from chassis.indexing import make_declared
from chassis.leases import LEASES, Lease
from chassis.mongo import Document
from chassis.publishing import ConfirmingPublisher
from chassis.relay import Relay
from chassis.vault import SUBJECT_KEYS, Vault
from evaluation.bench.counting import Meter, cpu_seconds
from evaluation.bench.figures import Summary, summarize
from evaluation.bench.rated import Asker
from evaluation.bench.targets import Target, below
from evaluation.bench.world import World, request
from evaluation.data.customers import Organization
from svc_customer import events
from svc_customer.domain.contacts import Contact
from svc_customer.repository.contacts import ContactRepository

__all__ = ["HistoryFigures", "history_targets", "measure_history"]

# Where nothing but this is.
_DATABASE: Final = "rapport_outbox"
# As services read it.
_CODEC: Final = CodecOptions[Document](tz_aware=True, tzinfo=UTC)
_LEASE_LIFE: Final = timedelta(hours=1)
_CONTACTS: Final = 200
_TITLES: Final = ("Head of research", "Head of purchasing")
_CONNECTIONS: Final = 4


@dataclass(frozen=True)
class HistoryFigures:
    """What was measured.

    Attributes:
        with_ms: CPU of a change, its logging and publication, round by round.
        without_ms: The same without a history.
        write: Changes over HTTP, all processes.
    """

    with_ms: Sequence[float]
    without_ms: Sequence[float]
    write: Summary

    @property
    def added_ms(self) -> float:
        """CPU milliseconds that the history takes of a change."""
        pairs = zip(self.with_ms, self.without_ms, strict=True)
        return median(own - other for own, other in pairs)

    @property
    def share(self) -> float:
        """That, of a change without it over HTTP."""
        return self.added_ms / (self.write.all_cpu_ms - self.added_ms)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "with_cpu_ms": list(self.with_ms),
            "without_cpu_ms": list(self.without_ms),
            "added_cpu_ms": self.added_ms,
            "share_of_a_write": self.share,
            "write": self.write.to_json(),
        }


def measure_history(
    world: World,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
) -> HistoryFigures:
    """Store changes with and without, in turn; then change over HTTP.

    Raises:
        StackError: The load generator died.
        ValueError: Not one change over HTTP succeeded.
    """
    taken: dict[bool, list[float]] = {True: [], False: []}
    with world.servers.database() as client:
        store = _Store(world, client.get_database(_DATABASE, _CODEC))
        for number in range(rounds + 1):
            say(f"changes with and without history, round {number} of {rounds}")
            for is_kept, costs in taken.items():
                costs.append(store.change_all(number, is_kept=is_kept))
        store.close()
    asker = Asker(meter, world.port, parts={"relay": "customer-events-1"})
    requests = _changes(world)
    runs = [
        asker.ask(requests, rate=0, seconds=seconds, connections=_CONNECTIONS)
        for _ in range(rounds)
    ]
    # The first round of all warms up.
    return HistoryFigures(taken[True][1:], taken[False][1:], summarize(runs))


def _changes(world: World) -> list[str]:
    """Every one is another, so that none is without effect."""
    tokens = world.tokens()
    ids = world.contact_ids(_CONTACTS)
    return [
        request(
            "PATCH",
            f"/v1/contacts/{contact_id}",
            tokens[place % len(tokens)],
            body={"job_title": title},
        )
        for title in _TITLES
        for place, contact_id in enumerate(ids)
    ]


class _Unsealed(Chain):
    """Leaves rows as they are."""

    def seal(self, before: bytes, row: Document) -> bytes:  # noqa: ARG002
        """Nothing."""
        return BEGINNING


class _Store:
    """Contacts in a database of their own, and relays for their events."""

    def __init__(self, world: World, database: Database[Document]) -> None:
        key = world.servers.vault_key
        self._database = database
        self._server = world.servers.pids()["mongodb"]
        self._publisher = ConfirmingPublisher(world.servers.amqp_uri)
        self._lease = Lease(database[LEASES.name], "relay", _LEASE_LIFE)
        self._lease.hold(_LEASE_LIFE)
        vault = Vault(database[SUBJECT_KEYS.name], key)
        self._relays = {
            is_kept: Relay(
                database,
                [ContactRepository.collection.name],
                self._lease,
                self._publisher,
                vault=vault,
                chain=chain,
            )
            for is_kept, chain in ((True, Chain(key)), (False, _Unsealed(key)))
        }
        self._contacts = list(_contacts(world.organization))
        for collection in (ContactRepository.collection, *OUTBOX_COLLECTIONS):
            make_declared(database, collection)
        self._org_id = new_id()
        repository = ContactRepository(database, operator_context(self._org_id))
        repository.add_all([(each, None, None) for each in self._contacts])

    def close(self) -> None:
        """Disconnect from the broker."""
        self._publisher.close()

    def change_all(self, number: int, *, is_kept: bool) -> float:
        """Change each contact, and have all events logged and published.

        Returns:
            CPU milliseconds of a change, in the database and here.
        """
        describe = events.contact_updated if is_kept else _without_history
        title = f"{_TITLES[number % len(_TITLES)]} {number} {is_kept}"
        started = time.process_time() + cpu_seconds([self._server])
        for contact in self._contacts:
            context = operator_context(self._org_id)
            now = context.now()
            ContactRepository(self._database, context).change(
                contact.id,
                lambda each, now=now: each.changed({"job_title": title}, now),  # type: ignore[misc]
                describe,
            )
        while self._relays[is_kept].work():
            pass
        took = time.process_time() + cpu_seconds([self._server]) - started
        return took * 1_000 / len(self._contacts)


def _contacts(organization: Organization) -> Sequence[Contact]:
    made = organization.contacts(0, organization.contact_count)
    live = (replace(each, archived_at=None) for each in made)
    return [each for each, _ in zip(live, range(_CONTACTS), strict=False)]


def _without_history(before: Contact, after: Contact) -> Event:
    facts: Mapping[str, Any] = {
        "account_id": after.account_id,
        "lifecycle_stage": after.lifecycle_stage,
        "source": after.source,
        "changed": [] if before == after else ["job_title"],
    }
    return Event(name="customer.contact_updated", data=facts)


def history_targets(found: HistoryFigures) -> list[Target]:
    """What it may cost."""
    return [below("history, share of a write's CPU", found.share * 100, 10, "%")]
