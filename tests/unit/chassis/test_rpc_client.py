import time

import orjson
import pytest

from chassis.calls import PendingCall
from chassis.errors import (
    DeadlineExceededError,
    NotFoundError,
    RemoteError,
    UnavailableError,
)
from chassis.liveness import ConsumerWatch
from chassis.rpc_client import RpcClient
from chassis.rpc_session import connection_parameters


class TestConnectionParameters:
    def test_read_a_nameko_uri(self):
        uri = "pyamqp://gate%40way:p%2Fw@127.0.0.1:5680/rap%2Fport"

        parameters = connection_parameters(uri, "gateway-1")

        assert (parameters.host, parameters.port) == ("127.0.0.1", 5680)
        assert parameters.virtual_host == "rap/port"
        assert parameters.credentials.username == "gate@way"
        assert parameters.credentials.password == "p/w"  # noqa: S105
        assert parameters.heartbeat == 20


class TestPendingCall:
    def pending(self, *, timeout_s=1.0, is_forgotten=True):
        return PendingCall(
            "sales", "get_lead", time.monotonic() + timeout_s, lambda _: is_forgotten
        )

    def test_gives_the_result_and_the_headers(self):
        call = self.pending()
        body = orjson.dumps({"result": {"id": "x"}, "error": None})
        call.resolve((body, {"rapport.replayed": True}))

        reply = call.result()

        assert ({"id": "x"}, {"rapport.replayed": True}) == (
            reply.result,
            reply.headers,
        )

    def test_raises_the_services_refusal(self):
        call = self.pending()
        error = {"exc_type": "NotFoundError", "exc_args": ["lead_not_found", "", "{}"]}
        call.resolve((orjson.dumps({"result": None, "error": error}), {}))

        with pytest.raises(NotFoundError, match="lead_not_found"):
            call.result()

    def test_raises_a_remote_error_for_the_rest(self):
        call = self.pending()
        error = {"exc_type": "KeyError", "exc_args": ["x"], "value": "x"}
        call.resolve((orjson.dumps({"result": None, "error": error}), {}))

        with pytest.raises(RemoteError):
            call.result()

    def test_raises_why_there_is_no_answer(self):
        call = self.pending()
        call.resolve(UnavailableError("broker_unavailable"))

        with pytest.raises(UnavailableError):
            call.result()

    def test_gives_up_at_its_deadline(self):
        with pytest.raises(DeadlineExceededError):
            self.pending(timeout_s=0).result()

    def test_takes_an_answer_that_arrives_at_the_deadline(self):
        call = self.pending(timeout_s=0, is_forgotten=False)
        forget, call._forget = call._forget, None

        def answer_meanwhile(pending):
            body = orjson.dumps({"result": 1, "error": None})
            pending.resolve((body, {}))
            return forget(pending)

        call._forget = answer_meanwhile

        assert call.result().result == 1


class TestWithoutBroker:
    def test_calls_are_refused_within_a_second(self):
        client = RpcClient("pyamqp://x:x@127.0.0.1:1/x", "gateway")
        client._closing.set()
        started = time.monotonic()

        with pytest.raises(UnavailableError, match="broker_unavailable"):
            client.call("sales", "get_lead", kwargs={}, context={}, timeout_s=5)

        assert time.monotonic() - started < 1.5
        assert client.in_flight == 0


class FakeLoop:
    def __init__(self):
        self.timers = []

    def call_later(self, delay_s, callback):
        self.timers.append((delay_s, callback))

    def tick(self):
        _, callback = self.timers.pop()
        callback()


class FakeChannel:
    def __init__(self):
        self.declared = []

    def add_on_close_callback(self, callback):
        self.on_close = callback

    def queue_declare(self, queue, *, passive, callback):
        assert passive
        self.declared.append((queue, callback))

    def answer(self, consumers):
        class Frame:
            class method:  # noqa: N801 - pika's name
                consumer_count = consumers

        self.declared.pop(0)[1](Frame)


class FakeConnection:
    is_open = True

    def __init__(self):
        self.ioloop = FakeLoop()
        self.channels = []

    def channel(self, on_open_callback):
        self.channels.append(FakeChannel())
        on_open_callback(self.channels[-1])


class TestConsumerWatch:
    @pytest.fixture
    def connection(self):
        return FakeConnection()

    @pytest.fixture
    def overdue(self):
        return {"sales"}

    @pytest.fixture
    def watch(self, connection, overdue):
        self.probed = []
        return ConsumerWatch(connection, lambda: overdue or None, self.probed.append)

    def test_one_empty_answer_does_not_convince(self, watch, connection):
        watch.probe("sales")
        connection.channels[0].answer(consumers=0)

        assert not watch.is_dead("sales")

    def test_two_do(self, watch, connection):
        for _ in range(2):
            watch.probe("sales")
            connection.channels[0].answer(consumers=0)

        assert watch.is_dead("sales")
        assert self.probed == ["sales", "sales"]

    def test_a_consumer_brings_it_back(self, watch, connection):
        for consumers in (0, 0, 1):
            watch.probe("sales")
            connection.channels[0].answer(consumers)

        assert not watch.is_dead("sales")

    def test_an_answer_brings_it_back(self, watch, connection):
        for _ in range(2):
            watch.probe("sales")
            connection.channels[0].answer(consumers=0)
        watch.saw_answer("sales")

        assert not watch.is_dead("sales")

    def test_a_service_is_asked_about_once_at_a_time(self, watch, connection):
        watch.probe("sales")
        watch.probe("sales")
        watch.probe("auth")

        queues = [queue for queue, _ in connection.channels[0].declared]

        assert queues == ["rpc-sales"]
        connection.channels[0].answer(consumers=1)
        assert connection.channels[0].declared[0][0] == "rpc-auth"

    def test_polls_while_calls_are_under_way(self, watch, connection, overdue):
        watch.wake()
        watch.wake()
        connection.ioloop.tick()

        assert len(connection.channels[0].declared) == 1
        assert len(connection.ioloop.timers) == 1

        overdue.clear()
        connection.ioloop.tick()

        assert connection.ioloop.timers == []
