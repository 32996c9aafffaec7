"""The operators' commands against the real broker and database."""

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest
from pymongo import MongoClient

from chassis.events import wire_time
from chassis.ids import new_id
from chassis.mongo import Collection
from chassis.outbox import OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.topology import (
    dead_letter_arguments,
    dead_letter_queue,
    feed_queue,
    queue_arguments,
)
from stack.broker import operator_connection
from stack.dead_letters import DeadLetters, Selection
from stack.outboxes import _read
from stack.paths import StatePaths

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
HANDLER = "evt-auth-org_registered--notify.on_org_registered"
DECLARED = (Collection("things", (PENDING_INDEX,)), *OUTBOX_COLLECTIONS)
# Takes hold of everything and waits to be killed.
HOLDER = """
import sys
from pathlib import Path
from stack.broker import operator_connection
from stack.dead_letters import DeadLetters, Selection
from stack.paths import StatePaths

with operator_connection(StatePaths(Path(sys.argv[1]))) as connection:
    with DeadLetters(connection)._holding(Selection(service="sales")) as (held, _):
        print(len(held), flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def paths(status):
    return StatePaths(Path(status["mailbox"]).parent)


@pytest.fixture
def crm(paths):
    """Runs a command; its exit code, output and complaints."""

    def run(*arguments, given=None):
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "stack.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, "RAPPORT_STATE_DIR": str(paths.root)},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def channel(paths):
    with operator_connection(paths) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client


@pytest.fixture
def scratch(status, secret):
    """A database of this test alone, with an outbox."""
    host = status["mongo_uri"].rpartition("@")[2]
    root = f"mongodb://root:{secret('mongodb', 'root_password')}@{host}"
    name = f"test_{uuid.uuid4().hex}"
    with MongoClient(root, tz_aware=True) as client:
        for collection in DECLARED:
            client[name].create_collection(collection.name)
            for index in collection.indexes:
                client[name][collection.name].create_index(
                    list(index.keys), unique=index.is_unique, sparse=index.is_sparse
                )
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def park(channel, paths):
    """Puts a message among a service's dead letters; it is gone after the test."""
    parked = []

    def put(body, queue, service="sales", **headers):
        identity = new_id()
        parked.append((service, identity))
        channel.basic_publish(
            "dead-letters",
            service,
            body,
            pika.BasicProperties(
                message_id=identity,
                delivery_mode=2,
                headers={
                    "x-attempt": 6,
                    "x-reason": "Broken: by hand",
                    "x-queue": queue,
                    "x-at": int(time.time()),
                    **headers,
                },
            ),
            mandatory=True,
        )
        return identity

    yield put
    for service, identity in parked:
        drop(paths, service, identity)


@pytest.fixture
def quiet_queue(channel):
    """A handler's queue that nobody consumes."""
    name = f"evt-auth-test--sales.on_{uuid.uuid4().hex}"
    channel.queue_declare(name, durable=True, arguments=queue_arguments("sales"))
    yield name
    channel.queue_delete(name)


def find(paths, service, identity=None):
    with operator_connection(paths) as connection:
        found = DeadLetters(connection).find(Selection(service=service)).letters
    return [each for each in found if identity in {None, each.id}]


def drop(paths, service, identity):
    if find(paths, service, identity):
        with operator_connection(paths) as connection:
            DeadLetters(connection).discard(Selection((identity,), service))


def unique():
    return {"org_id": new_id(), "aggregate": {"id": new_id()}, "sequence": 1}


def envelope(org_id):
    return {
        "id": new_id(),
        "event": "customer.contact_created",
        "version": 1,
        "org_id": org_id,
        "aggregate": {"type": "contact", "id": new_id()},
        "sequence": 1,
        "operation_id": new_id(),
        "occurred_at": "2026-01-31T09:30:00.123Z",
        "actor": {"type": "operator", "id": "operator"},
        "request_id": "test",
        "traceparent": "",
        "visibility": {"owner_id": None, "acl": []},
        "data": {},
    }


class TestPoison:
    def test_is_seen_comes_back_when_replayed_and_can_be_dropped(
        self, crm, channel, paths, until
    ):
        identity = new_id()
        properties = pika.BasicProperties(message_id=identity, delivery_mode=2)
        channel.basic_publish("auth.events", "org_registered", b"{poison", properties)
        # Two handlers hear of it, and both fail.
        both = ("notify", "analytics")
        for service in both:
            (first,) = until(lambda s=service: find(paths, s, identity))
            assert first.reason.startswith("InvalidInputError")

        code, text, _ = crm("dlq", "list", "--service", "notify")
        assert code == 0
        assert identity in text
        assert HANDLER in text
        code, text, _ = crm("dlq", "show", identity)
        assert code == 0
        assert HANDLER in text
        assert feed_queue("analytics") in text
        assert "{poison" in text
        assert crm("status")[1].count("dead letters of") >= 2

        before = first.headers["x-at"]
        until(lambda: time.time() > before + 1)
        code, text, _ = crm("dlq", "replay", identity, "--queue", HANDLER)
        assert (code, text.splitlines()[-1]) == (0, "1 replayed.")
        (again,) = until(lambda: find(paths, "notify", identity))
        assert again.headers["x-at"] > before
        assert again.attempts == 1

        code, text, _ = crm("dlq", "discard", identity)
        assert code == 0
        assert text.count(identity) == 2
        assert [find(paths, service, identity) for service in both] == [[], []]

    def test_of_the_broker_itself_names_queue_and_reason(
        self, channel, paths, quiet_queue, until
    ):
        identity = new_id()
        properties = pika.BasicProperties(message_id=identity, delivery_mode=2)
        channel.basic_publish("", quiet_queue, b"{}", properties)

        def crash():
            method, _, _ = channel.basic_get(quiet_queue)
            if method is not None:
                channel.basic_nack(method.delivery_tag, requeue=True)
            return method is None and find(paths, "sales", identity)

        (found,) = until(crash)
        drop(paths, "sales", identity)

        assert found.queue == quiet_queue
        assert found.reason.startswith("delivery_limit")
        assert found.dead_at > datetime.now(tz=UTC) - timedelta(minutes=2)
        assert found.why_not_replayable() is None


class TestReplay:
    def test_brings_a_good_event_to_its_effect(self, crm, park, database, until):
        event = envelope(new_id())
        body = json.dumps(event).encode()
        identity = park(body, feed_queue("analytics"), service="analytics")

        code, text, _ = crm("dlq", "replay", identity, "--json")

        assert code == 0
        assert [each["id"] for each in json.loads(text)["replayed"]] == [identity]
        activity = database["rapport_analytics"]["activity"]
        until(lambda: activity.find_one({"org_id": event["org_id"]}))
        assert crm("dlq", "show", identity)[0] == 1

    def test_starts_the_ladder_anew_and_copies_nobody(
        self, crm, park, channel, quiet_queue
    ):
        identity = park(b'{"a": 1}', quiet_queue, CC=["rpc-auth"])

        assert crm("dlq", "replay", "--queue", quiet_queue)[0] == 0

        _, properties, body = channel.basic_get(quiet_queue, auto_ack=True)
        assert body == b'{"a": 1}'
        assert properties.message_id == identity
        assert properties.headers.keys() <= {"x-delivery-count"}
        assert properties.delivery_mode == 2

    def test_leaves_what_has_nowhere_to_go(self, crm, park, paths, quiet_queue):
        gone = park(b"{}", f"{quiet_queue}_gone")
        forged = park(b"{}", "rpc-auth")

        code, text, _ = crm("dlq", "replay", gone, forged)

        assert code == 1
        assert "0 replayed." in text
        assert f"there is no queue {quiet_queue}_gone" in text
        assert "rpc-auth is no queue of a handler of sales" in text
        assert find(paths, "sales", gone)
        assert find(paths, "sales", forged)

    def test_does_nothing_if_one_of_the_ids_is_unknown(
        self, crm, park, paths, quiet_queue
    ):
        identity = park(b"{}", quiet_queue)

        code, _, complaint = crm("dlq", "replay", identity, "no-such-id")

        assert code == 1
        assert "There is no dead letter no-such-id." in complaint
        assert find(paths, "sales", identity)


class TestLooking:
    def test_loses_nothing_however_often_it_is_done(self, park, paths, quiet_queue):
        parked = {park(str(number).encode(), quiet_queue) for number in range(3)}

        for _ in range(60):
            found = {each.id for each in find(paths, "sales")}
            assert parked <= found

    def test_loses_nothing_if_killed(self, park, paths, quiet_queue, until):
        parked = {park(str(number).encode(), quiet_queue) for number in range(5)}
        with contextlib.ExitStack() as ending:
            holder = ending.enter_context(
                subprocess.Popen(  # noqa: S603 - our own code
                    [sys.executable, "-c", HOLDER, str(paths.root)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            ending.callback(holder.kill)
            assert int(holder.stdout.readline()) >= 5
            assert not parked & {each.id for each in find(paths, "sales")}

        until(lambda: parked <= {each.id for each in find(paths, "sales")})

    def test_ends_at_its_limit_and_says_so(self, crm, park, quiet_queue):
        for number in range(3):
            park(str(number).encode(), quiet_queue)

        code, text, _ = crm("dlq", "list", "--service", "sales", "--limit", "2")

        assert code == 0
        assert "more of sales were not looked at" in text


class TestQueueOfDeadLetters:
    def test_has_the_limit_that_no_look_reaches(self, channel):
        # Refused by the broker if it differs.
        channel.queue_declare(
            dead_letter_queue("sales"), durable=True, arguments=dead_letter_arguments()
        )


class TestOutbox:
    def test_shows_relay_and_queues_of_every_service(self, crm):
        code, text, _ = crm("outbox", "--json")

        report = json.loads(text)
        services = {each["service"]: each for each in report["services"]}
        assert code == 0
        assert services["sales"]["relay"]
        assert 0 < services["sales"]["relay_held_s"] <= 8
        assert not services["notify"]["has_outbox"]
        (queue,) = services["notify"]["queues"]
        assert queue["name"] == HANDLER
        assert queue["consumers"] >= 1
        assert next(rung["name"] for rung in report["rungs"]) == "retry-1s"

    def test_tells_what_does_not_move_and_for_how_long(self, scratch):
        now = datetime.now(tz=UTC)
        for minutes in (1, 2, 3):
            pending_at = now - timedelta(minutes=minutes)
            scratch["things"].insert_one({"pending_at": pending_at})
        scratch["things"].insert_one({"quiet": True})
        for position in range(1, 6):
            occurred_at = wire_time(now - timedelta(hours=6 - position))
            row = {"position": position, "occurred_at": occurred_at, **unique()}
            scratch["event_log"].insert_one(row)
        lease = {"owner": "host:1:x", "epoch": 4, "position": 5, "published": 3}
        expired = now - timedelta(seconds=1)
        scratch["leases"].insert_one({"_id": "relay", "expires_at": expired, **lease})

        found = _read("sales", scratch, DECLARED)

        assert found.pending_records == 3
        assert 180 <= found.oldest_pending_s < 200
        assert (found.logged, found.unpublished) == (5, 2)
        assert 7_200 <= found.oldest_unpublished_s < 7_220
        assert (found.relay, found.relay_epoch, found.relay_held_s) == (None, 4, 0)

    def test_is_empty_before_the_first_event(self, scratch):
        found = _read("sales", scratch, DECLARED)

        assert (found.pending_records, found.logged, found.unpublished) == (0, 0, 0)
        assert found.relay is None

    def test_asks_indexes_only(self, scratch):
        scratch.command("profile", 2)
        try:
            _read("sales", scratch, DECLARED)
        finally:
            scratch.command("profile", 0)
        plans = [
            each["planSummary"]
            for each in scratch["system.profile"].find()
            if "planSummary" in each
        ]

        assert len(plans) >= 4
        assert not [plan for plan in plans if "COLLSCAN" in plan]


class TestShell:
    def test_has_the_same_verbs(self, crm, park, quiet_queue):
        identity = park(b'{"a": 1}', quiet_queue)
        commands = [
            "dlq.list(service='sales')",
            f"dlq.show('{identity}')",
            f"dlq.discard('{identity}')",
            "outbox.status('sales')",
            "n.rpc.auth.check_health()",
        ]

        code, text, complaint = crm("shell", given="\n".join(commands) + "\n")

        assert code == 0, complaint
        assert "dlq: dead letters" in text + complaint
        assert text.count(identity) >= 3
        assert '"a": 1' in text
        assert "1 discarded." in text
        assert "Nothing is stuck." in text or "! sales" in text
