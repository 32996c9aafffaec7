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
