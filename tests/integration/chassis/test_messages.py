"""What messages may do to a service, and what happens where there is none."""

import json
import subprocess
import sys
import time
import uuid

import pika
import pytest
from envelopes import envelope
from worlds import ORG, ask, until

from chassis.errors import DeadlineExceededError, UnavailableError
from chassis.ids import derive_id, new_id
from stack.paths import ROOT
from stack.topology import TopologyMismatchError, declare

pytestmark = pytest.mark.integration

HANDLER = "evt-probe-entry_added--probe.on_entry_added"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = b'{"args": [], "kwargs": {"value": 1}}'
POISON = b'{"args": [], "kwargs": {"value": {"__type__": "nope", "__value__": 1}}}'


@pytest.fixture(scope="module")
def workers(world):
    return world.start_all("rpc", "events")


@pytest.fixture(scope="module")
def client(world, workers):
    assert workers
    return world.client()


@pytest.fixture
def is_unharmed(workers):
    """Whether both processes are as well as before."""
    return lambda: all(
        each.is_running and each.readiness()[0] == 200 for each in workers
    )


def entry_event(entry, sequence=1, event="entry_added"):
    return envelope(
        ORG,
        id=derive_id(entry, f"event:{sequence}"),
        event=f"probe.{event}",
        aggregate={"type": "entry", "id": entry},
        sequence=sequence,
    )


def seconds(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began


class RawCaller:
    """Sends bytes to the rpc queue and times the answer."""

    def __init__(self, channel):
        self._channel = channel
        self._key = str(uuid.uuid4())
        self._queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(self._queue, "nameko-rpc", self._key)

    def send(self, body, method="echo", **properties):
        terms = {"content_type": "application/json", "reply_to": self._key}
        self._channel.basic_publish(
            "nameko-rpc",
            f"probe.{method}",
            body,
            pika.BasicProperties(**{**terms, **properties}),
        )

    def answer(self, within_s=2):
        """The next answer and how long it took; None if there is none."""
        began = time.monotonic()
        _, _, body = next(
            self._channel.consume(
                self._queue, auto_ack=True, inactivity_timeout=within_s
            )
        )
        self._channel.cancel()
        return body and json.loads(body), time.monotonic() - began


@pytest.fixture
def raw(world, client):
    assert ask(client, "echo") is None
    with world.broker.channel() as channel:
        yield RawCaller(channel)


class TestARequest:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"{", "application/json"),
            (b"\x82\xa4args\x90\xa6kwargs\x80", "application/x-msgpack"),
        ],
    )
    def test_that_cannot_be_read_is_answered_at_once(
        self, raw, is_unharmed, body, content_type
    ):
        answers = []
        for _ in range(3):
            raw.send(body, content_type=content_type)
            answers.append(raw.answer())

        kinds = {answer["error"]["exc_type"] for answer, _ in answers}
        assert kinds == {"MalformedRequest"}
        # The quickest says what it takes; others may have waited for a CPU.
        assert min(took_s for _, took_s in answers) < 0.1
        assert is_unharmed()

    def test_with_typed_json_keeps_it_as_it_is(self, raw):
        raw.send(POISON)

        answer, _ = raw.answer()

        assert answer["result"] == {"__type__": "nope", "__value__": 1}

    def test_without_reply_to_is_dropped(self, world, raw, is_unharmed):
        raw.send(REQUEST, reply_to=None)
        raw.send(REQUEST)

        answer, _ = raw.answer()
        assert (answer["result"], raw.answer(0.2)[0]) == (1, None)
        assert world.broker.waiting("rpc-probe") == 0
        assert is_unharmed()

    def test_of_nameko_itself_is_answered(self, world, client):
        """By its own stand-alone client, in a process of its own."""
        assert client
        script = """
import sys, warnings
warnings.simplefilter("ignore")
from nameko.exceptions import RemoteError
from nameko.standalone.rpc import ClusterRpcProxy
with ClusterRpcProxy({"AMQP_URI": sys.argv[1]}, timeout=10) as cluster:
    print(cluster.probe.echo(value={"a": [1, None]}))
    print(cluster.probe.echo.call_async(value=2).result())
    try:
        cluster.probe.nope()
    except Exception as error:
        print(type(error).__name__)
"""
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", script, world.broker.uri],
            cwd=ROOT,
            check=False,
            timeout=30,
            capture_output=True,
            text=True,
        )

        assert done.stdout.splitlines() == ["{'a': [1, None]}", "2", "MethodNotFound"]
        assert done.returncode == 0


class TestAnEvent:
    def test_that_cannot_be_handled_is_tried_parked_and_brought_back(
        self, world, client
    ):
        """Three attempts a second apart; others pass it by meanwhile."""
        bad, good = new_id(), new_id()
        world.order("on_entry_added", bad, fails=True)
        ask(client, "add_entry", org_id=ORG, entry_id=bad)
        until(lambda: world.starts("on_entry_added", bad))
        ask(client, "add_entry", org_id=ORG, entry_id=good)
        until(lambda: world.effects("on_entry_added", good) == [1])
        until(lambda: world.broker.waiting("dead-letters-probe") == 1)

        ((headers, body),) = world.broker.take("dead-letters-probe")
        both = {"what": "on_entry_added", "key": {"$in": [bad, good]}}
        rows = world.database["starts"].find(both, sort=[("_id", 1)])
        order = [row["key"] for row in rows]
        assert (order.count(bad), order.count(good)) == (3, 1)
        assert (order[0], order[-1]) == (bad, bad)
        assert (headers["x-attempt"], headers["x-queue"]) == (3, HANDLER)
        assert "OrderedToFailError" in headers["x-reason"]
        assert world.effects("on_entry_added", bad) == []
        # Only the handler that failed had to wait for it.
        until(lambda: world.effects("on_events", bad) == [1])

        world.countermand("on_entry_added", bad)
        world.broker.publish("", headers["x-queue"], body)
        until(lambda: world.effects("on_entry_added", bad) == [1])

    def test_that_spoils_a_batch_is_parked_alone(self, world, client):
        assert client
        entries = [new_id() for _ in range(10)]
        bad = entries[4]
        world.order("on_events", bad, fails=True)
        world.broker.publish("", "feed-probe", *map(entry_event, entries))
        for entry in entries:
            if entry != bad:
                until(lambda entry=entry: world.effects("on_events", entry) == [1])
        until(lambda: world.broker.waiting("dead-letters-probe") == 1)

        ((headers, body),) = world.broker.take("dead-letters-probe")
        assert headers["x-queue"] == "feed-probe"
        assert json.loads(body)["aggregate"]["id"] == bad
        assert world.effects("on_events", bad) == []

    @pytest.mark.parametrize("queue", [HANDLER, "feed-probe"])
    def test_that_cannot_be_read_is_parked_at_once(self, world, is_unharmed, queue):
        bodies = [b"\xff\x00", b"{", b"[]", b"{}", POISON]
        world.broker.publish("", queue, *bodies, content_type="application/x-msgpack")
        until(lambda: world.broker.waiting("dead-letters-probe") == len(bodies))

        parked = world.broker.take("dead-letters-probe")
        assert sorted(body for _, body in parked) == sorted(bodies)
        assert {headers["x-queue"] for headers, _ in parked} == {queue}
        assert all("malformed_event" in headers["x-reason"] for headers, _ in parked)
        assert is_unharmed()

    def test_carries_the_trace_of_the_request_to_its_handlers(self, world, client):
        entry = new_id()
        traceparent = f"00-{TRACE}-00f067aa0ba902b7-01"
        context = {"traceparent": traceparent}
        ask(client, "add_entry", context=context, org_id=ORG, entry_id=entry)
        until(lambda: world.starts("on_entry_added", entry))

        rows = list(world.database["starts"].find({"key": entry}))
        logged = world.database["event_log"].find_one({"aggregate.id": entry})
        assert {row["what"] for row in rows} == {"add_entry", "on_entry_added"}
        assert {row["traceparent"] for row in rows} == {traceparent}
        assert logged["traceparent"] == traceparent


class TestABacklog:
    def test_does_not_keep_calls_waiting(self, world, client):
        """A coarse bound; ``./crm bench bus`` measures."""
        entries, took = [], []
        while len(took) < 200:
            if not world.broker.waiting("feed-probe"):
                more = [new_id() for _ in range(500)]
                world.broker.publish("", "feed-probe", *map(entry_event, more))
                entries += more
            took += [seconds(lambda: ask(client, "echo")) for _ in range(20)]

        def handled():
            ours = {"what": "on_events", "key": {"$in": entries}}
            return world.database["effects"].count_documents(ours)

        until(lambda: handled() == len(entries))

        assert sorted(took)[int(len(took) * 0.99)] < 0.5


class TestNoService:
    def test_of_that_name_is_known_at_once(self, client):
        def call():
            with pytest.raises(UnavailableError, match="service_unavailable"):
                client.call("nobody", "x", kwargs={}, context={}, timeout_s=5)

        ask(client, "echo")
        assert min(seconds(call) for _ in range(5)) < 0.05

    def test_answers_and_none_does_later_what_was_asked(self, world, client, workers):
        """Dead, and back before the request would have been forgotten."""
        entry = new_id()
        workers[0].kill()

        def call():
            with pytest.raises((UnavailableError, DeadlineExceededError)):
                ask(client, "add_entry", org_id=ORG, entry_id=entry, timeout_s=1.0)

        assert seconds(call) < 1.5
        (workers[0],) = world.start_all("rpc")
        until(lambda: answers(client))
        assert world.broker.waiting("rpc-probe") == 0
        assert world.starts("add_entry", entry) == []


def answers(client):
    try:
        return ask(client, "echo", value=True)
    except (UnavailableError, DeadlineExceededError):
        return False


class TestAQueue:
    def test_with_another_argument_is_found_and_named(self, world):
        with world.broker.channel() as channel:
            channel.queue_delete(HANDLER)
            channel.queue_declare(HANDLER, durable=True)

        with pytest.raises(TopologyMismatchError, match=HANDLER):
            declare(world.broker.uri, world.topology)

        with world.broker.channel() as channel:
            channel.queue_delete(HANDLER)
        declare(world.broker.uri, world.topology)

    @pytest.mark.parametrize(
        ("role", "queue"), [("rpc", "rpc-probe"), ("events", "feed-probe")]
    )
    def test_that_is_missing_makes_its_consumer_unready_until_it_is_back(
        self, world, client, workers, role, queue
    ):
        worker = workers[role == "events"]
        until(lambda: worker.readiness()[0] == 200)
        with world.broker.channel() as channel:
            channel.queue_delete(queue)

        def unready():
            status, checks = worker.readiness()
            return status == 503 and checks

        checks = until(unready)
        declare(world.broker.uri, world.topology)
        until(lambda: worker.readiness()[0] == 200)

        assert checks == {"database": True, "consumer": False}
        assert worker.is_running
        until(lambda: answers(client))
        entry = new_id()
        ask(client, "add_entry", org_id=ORG, entry_id=entry)
        until(lambda: world.effects("on_events", entry) == [1])
