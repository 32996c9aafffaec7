"""The outbox as a state machine: real records, a real log, a real broker.

Hypothesis writes records and lets two relays work, dies between any two of
their steps, lets one overtake the other in the middle of a step, cuts the
connection, and has the broker refuse. After each step nothing may be lost.
"""

import base64
import json
import secrets
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pika
import pymongo
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandListener

from chassis.chain import Chain, Walk
from chassis.context import Context
from chassis.event_log import EVENT_LOG, OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.events import Event, changes_between
from chassis.ids import new_id
from chassis.leases import LEASES, Lease
from chassis.mongo import Collection, Transaction
from chassis.publishing import ConfirmingPublisher, NotPublishedError
from chassis.relay import _PRIVATE, LeaseLostError, Relay
from chassis.repository import Repository
from chassis.vault import SUBJECT_KEYS, Vault

pytestmark = pytest.mark.integration

ORG = new_id()
THINGS = Collection("things", (PENDING_INDEX,))
KINDS = ("made", "changed")
RELAYS = st.integers(0, 1)
STEPS = st.sampled_from(["append", "forget", "send", "flush", "advance"])
TIMES = st.sampled_from(["before", "after"])
WORK = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(KINDS)), min_size=1, max_size=6
)
SECRET = f"secret{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Thing:
    id: str
    name: str = ""
    version: int = 0
    sequence: int = 0
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None


class Things(Repository):
    collection: ClassVar = THINGS
    noun: ClassVar = "thing"
    resource: ClassVar = "things"
    fields: ClassVar = {}
    entity: ClassVar = Thing


def context():
    return Context(
        caller=None,
        org_id=ORG,
        actor={"type": "operator", "id": "test"},
        operation_id=new_id(),
        request_id=new_id(),
        traceparent="",
        deadline=0,
    )


class KilledError(BaseException):
    """What a process does not live to see."""


class Wire(CommandListener):
    """Between the service and MongoDB: can end a process that would commit."""

    is_cut = False

    def started(self, event):
        if self.is_cut and event.command_name == "commitTransaction":
            self.is_cut = False
            raise KilledError

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


class Publisher(ConfirmingPublisher):
    """The real one, which tells when it is asked to wait for the broker."""

    at = None

    def flush(self):
        self.at("flush", super().flush)

    def cut(self):
        if self._connection is not None:
            # Whatever cut it before this may have been noticed by nobody yet.
            with suppress(OSError):
                self._connection.transport.sock.shutdown(socket.SHUT_RDWR)


class Process(Relay):
    """A relay to which something can happen before or after any step."""

    def __init__(self, database, publisher, vault, chain):
        self.lease = Lease(database[LEASES.name], "relay", timedelta(hours=1))
        self.publisher = publisher
        self.accident = None
        publisher.at = self._at
        super().__init__(
            database, [THINGS.name], self.lease, publisher, vault=vault, chain=chain
        )

    def _at(self, step, work):
        self._happen(step, "before")
        work()
        self._happen(step, "after")

    def _happen(self, step, when):
        if self.accident is not None and self.accident[:2] == (step, when):
            happen = self.accident[2]
            self.accident = None
            happen()

    def _append(self, rows):
        self._at("append", lambda: Relay._append(self, rows))

    def _forget(self, records, found):
        self._at("forget", lambda: Relay._forget(records, found))

    def _send(self, row):
        self._at("send", lambda: Relay._send(self, row))

    def _advance(self, position):
        self._at("advance", lambda: Relay._advance(self, position))

    def turn(self, accident=None):
        """What ``OutboxRelay`` does at each sweep, as far as there is work."""
        self.accident = accident
        with suppress(NotPublishedError, LeaseLostError):
            while self.lease.hold() and self.work():
                pass


class Broker:
    """An exchange with a queue that takes what comes and one that refuses."""

    def __init__(self, amqp_uri):
        self.amqp_uri = amqp_uri
        self.source = f"test{uuid.uuid4().hex[:12]}"
        uri = amqp_uri.replace("pyamqp://", "amqp://", 1)
        self._connection = pika.BlockingConnection(pika.URLParameters(uri))
        self._channel = self._connection.channel()
        self._exchange = f"{self.source}.events"
        self._channel.exchange_declare(self._exchange, "topic")
        full = {"x-max-length": 0, "x-overflow": "reject-publish"}
        self._queues = {
            name: self._channel.queue_declare(
                "", exclusive=True, arguments=arguments
            ).method.queue
            for name, arguments in (("open", {}), ("full", full))
        }

    def route(self, kind, queues):
        """Events of this kind reach exactly these queues from now on."""
        for name, queue in self._queues.items():
            change = self._channel.queue_unbind
            if name in queues:
                change = self._channel.queue_bind
            change(queue=queue, exchange=self._exchange, routing_key=f"thing_{kind}")

    def received(self):
        """What has come since the last time."""
        while True:
            _, properties, body = self._channel.basic_get(
                self._queues["open"], auto_ack=True
            )
            if body is None:
                return
            yield properties.message_id, json.loads(body)

    def close(self):
        self._channel.exchange_delete(self._exchange)
        self._connection.close()


class OutboxMachine(RuleBasedStateMachine):
    """Holds the outbox to its promises."""

    def __init__(self, owner, database, wire, broker):
        super().__init__()
        self.owner = owner
        self.database = database
        name = database.name
        self.user = {"user": name.removeprefix("rapport_"), "db": name}
        self.wire = wire
        self.broker = broker
        master = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.vault = Vault(database[SUBJECT_KEYS.name], master)
        self.chain = Chain(master)
        # What was committed, by record; what came, by record, in order.
        self.committed = {}
        self.seen = {}
        self.cursor = 0

    @initialize()
    def begin(self):
        for name in self.owner.list_collection_names():
            self.owner[name].delete_many({})
        list(self.broker.received())
        for kind in KINDS:
            self.broker.route(kind, {"open"})
        self.wire.is_cut = False
        self.relays = [self.start(), self.start()]

    def start(self):
        publisher = Publisher(self.broker.amqp_uri)
        return Process(self.database, publisher, self.vault, self.chain)

    def event(self, before, after, kind):
        return Event(
            name=f"{self.broker.source}.thing_{kind}",
            data={"version": after.version},
            changes=changes_between(before, after),
            personal=frozenset({"name"}),
            subject_id=after.id,
        )

    def write(self, record_id, kind, session_of=None):
        its_context = session_of or context()
        things = Things(self.database, its_context)
        if record_id is None:
            thing = Thing(new_id(), SECRET)
            return things.add(thing, self.event(None, thing, kind)).id
        before = things.find(record_id)
        after = replace(before, name=f"{SECRET}{before.version}")
        assert things.save(after, self.event(before, after, kind)) is not None
        return record_id

    def commit(self, record_id):
        self.committed[record_id] = self.committed.get(record_id, 0) + 1

    @rule(work=WORK)
    def work(self, work):
        """Each item changes a record, or makes one where there is none."""
        for index, kind in work:
            known = sorted(self.committed)
            record_id = known[index] if index < len(known) else None
            self.commit(self.write(record_id, kind))

    @precondition(lambda self: self.committed)
    @rule(data=st.data(), is_aborted=st.booleans())
    def change_two_as_one(self, data, is_aborted):
        record_id = data.draw(st.sampled_from(sorted(self.committed)))
        its_context = context()

        def work():
            made = self.write(None, "made", its_context)
            self.write(record_id, "changed", its_context)
            if is_aborted:
                raise KilledError
            return made

        with suppress(KilledError):
            made = Transaction(self.database.client, its_context)(work)
            self.commit(made)
            self.commit(record_id)

    @rule(index=RELAYS)
    def relay(self, index):
        self.relays[index].turn()

    @rule(index=RELAYS, work=WORK, step=STEPS, when=TIMES)
    def relay_and_die(self, index, work, step, when):
        def die():
            raise KilledError

        self.prepare(index, work)
        self.turn_unto_death(index, (step, when, die))

    @rule(index=RELAYS, work=WORK)
    def relay_and_die_before_the_commit(self, index, work):
        self.prepare(index, work)
        self.wire.is_cut = True
        self.turn_unto_death(index)
        assert not self.wire.is_cut

    @rule(index=RELAYS, work=WORK, step=STEPS, when=TIMES)
    def relay_and_be_overtaken(self, index, work, step, when):
        def be_overtaken():
            self.lose_lease()
            self.relays[1 - index].turn()
            # What it has done, the one that sleeps must not undo.
            self.the_broker_has_all_behind_the_cursor_in_order()

        self.prepare(index, work)
        self.relays[index].turn((step, when, be_overtaken))

    @rule(index=RELAYS, work=WORK, step=STEPS, when=TIMES)
    def relay_while_somebody_writes(self, index, work, step, when):
        self.prepare(index, work)
        self.relays[index].turn((step, when, lambda: self.work(work)))

    @rule(index=RELAYS, work=WORK, step=st.sampled_from(["send", "flush"]))
    def relay_and_be_cut_off(self, index, work, step):
        self.prepare(index, work)
        relay = self.relays[index]
        relay.turn((step, "before", relay.publisher.cut))

    @rule(
        index=RELAYS,
        work=WORK,
        kind=st.sampled_from(KINDS),
        queues=st.sampled_from([set(), {"full"}, {"open", "full"}]),
    )
    def relay_and_be_refused(self, index, work, kind, queues):
        self.prepare(index, work)
        self.broker.route(kind, queues)
        self.relays[index].turn()
        self.the_broker_has_all_behind_the_cursor_in_order()
        self.broker.route(kind, {"open"})

    def prepare(self, index, work):
        """Something to do for this relay, and the lease to do it."""
        self.work(work)
        if not self.relays[index].lease.hold():
            self.lose_lease()

    def turn_unto_death(self, index, accident=None):
        try:
            self.relays[index].turn(accident)
        except KilledError:
            self.relays[index].publisher.close()
            self.relays[index] = self.start()
            # How soon the server ends what the dead left open is told below.
            self.owner.client.admin.command("killAllSessions", [self.user])

    @rule()
    def lose_lease(self):
        past = datetime.fromtimestamp(0, tz=UTC)
        self.owner[LEASES.name].update_one({}, {"$set": {"expires_at": past}})

    @invariant()
    def the_log_has_what_the_records_lack(self):
        waiting = {}
        for record in self.owner[THINGS.name].find():
            pending = record.get("pending_events", [])
            assert ("pending_at" in record) == bool(pending)
            waiting[record["_id"]] = {event["sequence"] for event in pending}
        logged = {}
        for row in self.log():
            logged.setdefault(row["aggregate"]["id"], []).append(row["sequence"])
        assert waiting.keys() == self.committed.keys()
        for record_id, count in self.committed.items():
            sequences = logged.get(record_id, [])
            assert sequences == list(range(1, len(sequences) + 1))
            assert {*sequences, *waiting[record_id]} == set(range(1, count + 1))
        assert logged.keys() <= self.committed.keys()

    @invariant()
    def positions_have_no_gaps(self):
        positions = [row["position"] for row in self.log()]
        row = self.owner[LEASES.name].find_one() or {}
        assert positions == list(range(1, len(positions) + 1))
        assert row.get("position", 0) == len(positions)

    @invariant()
    def seals_fit(self):
        rows = self.log()
        assert list(Walk(self.chain).breaks(rows, len(rows))) == []

    @invariant()
    def the_broker_has_all_behind_the_cursor_in_order(self):
        for message_id, event in self.broker.received():
            assert message_id == event["id"]
            assert not event.keys() & _PRIVATE
            seen = self.seen.setdefault(event["aggregate"]["id"], [])
            if message_id not in seen:
                seen.append(message_id)
                assert event["sequence"] == len(seen)
        row = self.owner[LEASES.name].find_one() or {}
        cursor = row.get("published", 0)
        assert self.cursor <= cursor
        self.cursor = cursor
        behind = {row["_id"] for row in self.log() if row["position"] <= cursor}
        assert behind <= {each for seen in self.seen.values() for each in seen}

    def log(self):
        return list(self.owner[EVENT_LOG.name].find(sort=[("position", 1)]))

    def teardown(self):
        """When the faults end, everything has arrived after one more turn."""
        if not hasattr(self, "relays"):
            return
        self.lose_lease()
        self.relays[0].turn()
        for relay in self.relays:
            relay.publisher.close()
        self.the_log_has_what_the_records_lack()
        self.positions_have_no_gaps()
        self.the_broker_has_all_behind_the_cursor_in_order()
        assert not self.owner[THINGS.name].count_documents(
            {"pending_at": {"$ne": None}}
        )
        assert {each: len(ids) for each, ids in self.seen.items()} == self.committed
        assert self.cursor == sum(self.committed.values())
        assert SECRET not in str(self.log())


@pytest.fixture
def broker(status):
    broker = Broker(status["amqp_uri"])
    yield broker
    broker.close()


@pytest.fixture
def databases(service_database):
    wire = Wire()
    collections = (THINGS, *OUTBOX_COLLECTIONS)
    return *service_database(*collections, listeners=[wire]), wire


class TestTheOutbox:
    def test_loses_and_forges_nothing_whatever_dies_when(
        self, databases, broker, monkeypatch, run_machine
    ):
        # Small, so that the work of one turn takes several batches.
        monkeypatch.setattr("chassis.relay._BATCH", 2)

        run_machine(lambda: OutboxMachine(*databases, broker), examples=16, steps=20)


class TestATransaction:
    def test_of_a_dead_process_does_not_keep_the_lease_from_the_next(self, databases):
        owner, database, _ = databases
        rows = owner[LEASES.name]
        dead = Lease(rows, "relay", timedelta(seconds=0))
        assert dead.hold()
        with owner.client.start_session() as session:
            session.start_transaction()
            rows.update_one(dead.condition, {"$inc": {"position": 1}}, session=session)

            with pymongo.timeout(10):
                assert Lease(database[LEASES.name], "relay", timedelta(hours=1)).hold()
            # The server has ended it by now, and there is nothing to abort.
            with suppress(OperationFailure):
                session.commit_transaction()
            assert "position" not in rows.find_one()


class TestTheEventsOfOneRecord:
    def test_do_not_overtake_one_that_was_refused(self, databases, broker):
        machine = OutboxMachine(*databases, broker)
        machine.begin()
        machine.work([(0, "made"), (0, "changed"), (0, "made")])
        broker.route("made", set())

        machine.relays[0].turn()
        assert list(broker.received()) == []
        broker.route("made", {"open"})
        machine.relays[0].turn()
        received = [event["sequence"] for _, event in broker.received()]
        assert received == [1, 2, 3]
        for relay in machine.relays:
            relay.publisher.close()
