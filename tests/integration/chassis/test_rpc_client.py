import json
import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pika
import pytest
from proxies import Proxy

from chassis.errors import (
    ConflictError,
    DeadlineExceededError,
    RemoteError,
    UnavailableError,
)
from chassis.rpc_client import RpcClient

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def amqp_uri():
    status_file = os.environ.get("RAPPORT_STATUS_FILE")
    if not status_file:
        pytest.skip("RAPPORT_STATUS_FILE names no running stack")
    return json.loads(Path(status_file).read_text())["amqp_uri"]


@pytest.fixture
def client(amqp_uri):
    client = RpcClient(amqp_uri, "gateway")
    yield client
    client.close()


@pytest.fixture
def echo(amqp_uri):
    with responder(amqp_uri) as service:
        yield service


class Responder:
    """A service of one queue; answers by method name, like Nameko on the wire."""

    def __init__(self, amqp_uri):
        self.name = f"test{uuid.uuid4().hex[:12]}"
        self.seen = []
        parameters = pika.URLParameters(amqp_uri.replace("pyamqp://", "amqp://"))
        self.connection = pika.BlockingConnection(parameters)
        self.channel = self.connection.channel()
        self.channel.exchange_declare("nameko-rpc", "topic", durable=True)
        self.queue = f"rpc-{self.name}"
        self.channel.queue_declare(
            self.queue, durable=True, arguments={"x-expires": 60_000}
        )
        self.channel.queue_bind(self.queue, "nameko-rpc", f"{self.name}.*")
        self.thread = None

    def start(self):
        self.tag = self.channel.basic_consume(self.queue, self._answer, auto_ack=True)
        self.thread = threading.Thread(target=self.channel.start_consuming)
        self.thread.start()

    def stop(self):
        if self.thread is None:
            return
        self.connection.add_callback_threadsafe(self.channel.stop_consuming)
        self.thread.join(5)
        self.thread = None

    def _answer(self, channel, method, properties, body):
        name = method.routing_key.rpartition(".")[2]
        self.seen.append((name, properties, json.loads(body)))
        if name == "ignore":
            return
        if name == "delay":
            self.connection.process_data_events(0.4)
        answer = {"result": json.loads(body)["kwargs"], "error": None}
        if name == "refuse":
            arguments = ["lead_not_qualified", "No.", '{"a": 1}']
            answer["error"] = {"exc_type": "ConflictError", "exc_args": arguments}
        if name == "break":
            answer["error"] = {"exc_type": "KeyError", "exc_args": [], "value": "x"}
        channel.basic_publish(
            "nameko-rpc",
            properties.reply_to,
            json.dumps(answer),
            pika.BasicProperties(
                correlation_id=properties.correlation_id,
                content_type="application/json",
                headers={"rapport.replayed": True},
            ),
        )


@contextmanager
def responder(amqp_uri, *, started=True):
    service = Responder(amqp_uri)
    if started:
        service.start()
    try:
        yield service
    finally:
        service.stop()
        service.channel.queue_delete(service.queue)
        service.connection.close()


@pytest.fixture
def proxy(amqp_uri):
    parts = urlsplit(amqp_uri)
    proxy = Proxy(parts.hostname, parts.port)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied_client(amqp_uri, proxy):
    parts = urlsplit(amqp_uri)
    host = f"{parts.hostname}:{parts.port}"
    client = RpcClient(amqp_uri.replace(host, f"127.0.0.1:{proxy.port}"), "gateway")
    yield client
    client.close()


def call(client, service, method="echo", timeout_s=3.0, context=None, **kwargs):
    return client.call(
        service.name if isinstance(service, Responder) else service,
        method,
        kwargs=kwargs,
        context=context or {},
        timeout_s=timeout_s,
    )


def seconds(function):
    started = time.monotonic()
    function()
    return time.monotonic() - started


def quickest(function):
    """What it takes; some of several times others may have had the CPU."""
    return min(seconds(function) for _ in range(5))


class TestCalling:
    def test_answers_every_thread_with_its_own_reply(self, client, echo):
        def forty(thread):
            return [call(client, echo, n=n, t=thread).result for n in range(40)]

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(forty, range(8)))

        assert [[{"n": n, "t": t} for n in range(40)] for t in range(8)] == results
        assert client.in_flight == 0

    def test_carries_the_context_as_nameko_does(self, client, echo):
        call(client, echo, context={"request_id": "r-1", "deadline": "7.5"}, a=1)

        name, properties, body = echo.seen[0]

        assert (name, body) == ("echo", {"args": [], "kwargs": {"a": 1}})
        assert properties.headers["nameko.request_id"] == "r-1"
        assert properties.headers["nameko.deadline"] == "7.5"
        assert isinstance(properties.headers["nameko.call_id_stack"], list)
        assert int(properties.expiration) <= 2_000
        assert properties.reply_to.startswith("reply.gateway.")

    def test_sends_an_absolute_deadline(self, client, echo):
        before = time.time()
        call(client, echo, timeout_s=2)
        after = time.time()

        deadline = float(echo.seen[0][1].headers["nameko.deadline"])

        # It is told in milliseconds.
        assert before - 0.001 <= deadline - 2 <= after + 0.001

    def test_hands_over_the_headers_of_the_reply(self, client, echo):
        assert call(client, echo).headers["rapport.replayed"] is True

    def test_raises_what_the_service_refused_with(self, client, echo):
        with pytest.raises(ConflictError) as caught:
            call(client, echo, "refuse")

        assert caught.value.code == "lead_not_qualified"
        assert caught.value.extra == {"a": 1}

    def test_tells_an_unexpected_failure_apart(self, client, echo):
        with pytest.raises(RemoteError, match="KeyError"):
            call(client, echo, "break")

    def test_refuses_more_calls_than_it_may_hold(self, amqp_uri, echo):
        client = RpcClient(amqp_uri, "gateway", max_in_flight=1)
        pending = client.begin(echo.name, "ignore", kwargs={}, context={}, timeout_s=30)

        with pytest.raises(UnavailableError, match="too_busy"):
            call(client, echo)

        client.close()
        with pytest.raises(UnavailableError, match="broker_unavailable"):
            pending.result()


class TestTimeout:
    def test_leaves_nothing_behind(self, client, echo):
        call(client, echo)
        with pytest.raises(DeadlineExceededError, match="deadline_exceeded"):
            call(client, echo, "ignore", timeout_s=0.2)

        assert client.in_flight == 0

    def test_a_late_reply_disturbs_nobody(self, client, echo):
        call(client, echo)
        with pytest.raises(DeadlineExceededError):
            call(client, echo, "delay", timeout_s=0.1, n=1)

        assert call(client, echo, n=2).result == {"n": 2}


class TestDeadService:
    def test_an_unknown_one_fails_in_milliseconds(self, client, echo):
        call(client, echo)

        def ask():
            with pytest.raises(UnavailableError, match="service_unavailable"):
                call(client, f"nobody{uuid.uuid4().hex}")

        assert quickest(ask) < 0.1

    def test_one_without_consumers_fails_within_two_seconds(self, client, amqp_uri):
        with responder(amqp_uri, started=False) as service:

            def ask():
                with pytest.raises(UnavailableError, match="service_unavailable"):
                    call(client, service, timeout_s=5)

            assert seconds(ask) < 2
            assert quickest(ask) < 0.1
            assert client.in_flight == 0

    def test_its_return_is_noticed_by_the_first_call(self, client, amqp_uri):
        with responder(amqp_uri, started=False) as service:
            with pytest.raises(UnavailableError):
                call(client, service, timeout_s=5)
            service.start()

            assert call(client, service, n=1).result == {"n": 1}

    def test_others_are_not_affected(self, client, echo, amqp_uri):
        with responder(amqp_uri, started=False) as service:
            with pytest.raises(UnavailableError):
                call(client, service, timeout_s=5)

            assert call(client, echo, n=1).result == {"n": 1}

    def test_a_deleted_queue_is_dead_too(self, client, amqp_uri, echo):
        with responder(amqp_uri, started=False) as service:
            with pytest.raises(UnavailableError):
                call(client, service, timeout_s=5)
            service.channel.queue_delete(service.queue)

            with pytest.raises(UnavailableError, match="service_unavailable"):
                call(client, service, timeout_s=5)

        assert call(client, echo, n=1).result == {"n": 1}


class TestLostConnection:
    def test_fails_all_that_wait_at_once(self, proxied_client, proxy, echo):
        call(proxied_client, echo)
        pending = [
            proxied_client.begin(
                echo.name, "ignore", kwargs={}, context={}, timeout_s=10
            )
            for _ in range(5)
        ]
        proxy.go_away()

        def collect():
            for one in pending:
                with pytest.raises(UnavailableError, match="broker_unavailable"):
                    one.result()

        assert seconds(collect) < 1
        assert proxied_client.in_flight == 0

    def test_reconnects_by_itself(self, proxied_client, proxy, echo):
        call(proxied_client, echo)
        proxy.go_away()
        wait_until(lambda: not proxied_client.is_connected)
        proxy.come_back()
        wait_until(lambda: proxied_client.is_connected)

        assert call(proxied_client, echo, n=1).result == {"n": 1}

    def test_refuses_quickly_while_it_is_away(self, proxied_client, proxy, echo):
        call(proxied_client, echo)
        proxy.go_away()
        wait_until(lambda: not proxied_client.is_connected)

        def ask():
            with pytest.raises(UnavailableError, match="broker_unavailable"):
                call(proxied_client, echo)

        # The broker is waited for a second, and not for as long as the call has.
        assert seconds(ask) < 2
        wait_until(lambda: seconds(ask) < 0.1)

    def test_gives_up_a_broker_that_never_answers_the_first_word(
        self, proxied_client, proxy, echo, caplog
    ):
        proxy.swallow()
        with pytest.raises(UnavailableError, match="broker_unavailable"):
            call(proxied_client, echo)

        wait_until(lambda: "did not open the connection in time" in reasons(caplog))
        proxy.cut()
        proxy.flow()
        wait_until(lambda: proxied_client.is_connected)
        assert call(proxied_client, echo, n=1).result == {"n": 1}

    def test_a_closed_client_refuses(self, client, echo):
        call(client, echo)
        client.close()

        with pytest.raises(UnavailableError, match="broker_unavailable"):
            call(client, echo)


def reasons(caplog):
    return " ".join(getattr(record, "reason", "") for record in caplog.records)


def wait_until(condition, timeout_s=8.0):
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def run_apart(script, *arguments):
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        check=False,
        timeout=30,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


class TestProcesses:
    def test_a_forked_child_gets_a_connection_of_its_own(self, amqp_uri, echo):
        script = """
import os, sys
from chassis.rpc_client import RpcClient
client = RpcClient(sys.argv[1], "gateway")
def ask(n):
    reply = client.call(
        sys.argv[2], "echo", kwargs={"n": n}, context={}, timeout_s=3
    )
    assert reply.result == {"n": n}
ask(1)
child = os.fork()
if child == 0:
    ask(2)
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ask(3)
client.close()
"""
        assert (0, "") == run_apart(script, amqp_uri, echo.name)

    def test_works_under_green_threads(self, amqp_uri, echo):
        script = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import sys, time
from chassis.errors import DeadlineExceededError
from chassis.rpc_client import RpcClient
client = RpcClient(sys.argv[1], "gateway")
def ask(n, method="echo", timeout_s=3):
    return client.call(
        sys.argv[2], method, kwargs={"n": n}, context={}, timeout_s=timeout_s
    ).result["n"]
pool = eventlet.GreenPool(20)
assert list(pool.imap(ask, range(200))) == list(range(200))
ticks = []
eventlet.spawn(lambda: [ticks.append(eventlet.sleep(0.01)) for _ in range(20)])
try:
    ask(1, "ignore", timeout_s=1)
except DeadlineExceededError:
    pass
else:
    raise AssertionError
assert len(ticks) > 10, "waiting blocked the other green threads"
assert client.in_flight == 0
client.close()
"""
        assert (0, "") == run_apart(script, amqp_uri, echo.name)
