"""Dead letters on the real broker: seen, sent back, dropped, never lost."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest
from envelopes import envelope

from chassis.ids import new_id
from chassis.topology import (
    dead_letter_arguments,
    dead_letter_queue,
    feed_queue,
)
from stack.broker import operator_connection
from stack.dead_letters import DeadLetters, Selection

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
HANDLER = "evt-auth-org_registered--notify.on_org_registered"
# Takes hold of everything, sends back what it is told to, and waits to be killed.
HOLDER = """
import sys
from pathlib import Path
from stack.broker import operator_connection
from stack.dead_letters import DeadLetters, Selection
from stack.paths import StatePaths

with operator_connection(StatePaths(Path(sys.argv[1]))) as connection:
    dead_letters = DeadLetters(connection)
    with dead_letters._holding(Selection(service="sales")) as (held, _):
        for each in held:
            if each.letter.id == sys.argv[2]:
                dead_letters._send_back(each)
        print(len(held), flush=True)
        sys.stdin.read()
"""


def find(paths, service, identity=None):
    with operator_connection(paths) as connection:
        found = DeadLetters(connection).find(Selection(service=service)).letters
    return [each for each in found if identity in {None, each.id}]


def drop(paths, service, identity):
    if find(paths, service, identity):
        with operator_connection(paths) as connection:
            DeadLetters(connection).discard(Selection((identity,), service))


@pytest.fixture
def kill_while_held(paths, until):
    """Kills a process that holds dead letters; how many it held."""

    def run(sending_back=""):
        with subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", HOLDER, str(paths.root), sending_back],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            count = int(holder.stdout.readline())
            assert not find(paths, "sales")
            holder.kill()
        until(lambda: len(find(paths, "sales")) >= count)
        return count

    return run


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

    def test_killed_before_its_end_leaves_both_copies(
        self, park, paths, channel, quiet_queue, kill_while_held
    ):
        identity = park(b"{}", quiet_queue)

        kill_while_held(sending_back=identity)

        _, properties, _ = channel.basic_get(quiet_queue, auto_ack=True)
        assert properties.message_id == identity
        assert find(paths, "sales", identity)

    def test_keeps_the_order_in_which_events_died(
        self, crm, park, channel, quiet_queue
    ):
        parked = [
            park(b"{}", quiet_queue, **{"x-at": 1_000_000 - age}) for age in range(50)
        ]

        # Given back by the look, in whatever order.
        assert crm("dlq", "list", "--service", "sales")[0] == 0
        assert crm("dlq", "replay", "--queue", quiet_queue)[0] == 0

        came = [
            channel.basic_get(quiet_queue, auto_ack=True)[1].message_id
            for _ in range(50)
        ]
        assert came == parked[::-1]


class TestLooking:
    def test_loses_nothing_however_often_it_is_done(self, park, paths, quiet_queue):
        parked = {park(str(number).encode(), quiet_queue) for number in range(3)}

        for _ in range(60):
            found = {each.id for each in find(paths, "sales")}
            assert parked <= found

    def test_loses_nothing_if_killed(self, park, paths, quiet_queue, kill_while_held):
        parked = {park(str(number).encode(), quiet_queue) for number in range(5)}

        assert kill_while_held() >= 5
        assert parked <= {each.id for each in find(paths, "sales")}

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
