"""Whoever is visiting while the gateway, or a part of it, is started anew."""

import json
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gateways import Gateway, Visits, request, secret_of, workers_of
from proxies import Proxy

from stack import operate
from stack.paths import StatePaths

pytestmark = pytest.mark.e2e

# How long a request may have to wait for processes that start.
LONGEST_WAIT_S = 25


@pytest.fixture
def gateway(processes):
    with Gateway(like=processes()["gateway"]["pid"]) as gateway:
        yield gateway


@pytest.fixture
def address(status):
    parts = urlsplit(status["gateway"])
    return parts.hostname, parts.port


def assert_nobody_noticed(visits):
    assert visits.failures == []
    assert visits.goodbyes > 0
    assert max(visits.took_s) < LONGEST_WAIT_S


@pytest.fixture
def slow_broker(status):
    """Connecting takes seconds, as on a machine where everything starts at once."""
    parts = urlsplit(status["amqp_uri"])
    proxy = Proxy(parts.hostname, parts.port)
    proxy.delay_s = 0.15
    yield proxy
    proxy.close()


class TestAStart:
    def test_connects_before_it_serves(self, processes, client, slow_broker):
        like = processes()["gateway"]["pid"]
        given = secret_of(like, "amqp_uri")
        slow = given.replace(f":{urlsplit(given).port}/", f":{slow_broker.port}/")
        assert slow != given
        with Gateway(like=like, AMQP_URI=slow) as gateway, gateway.connect() as first:
            first.send(request("/v1/me", client.token))
            status, _, body = first.answer()

        assert status == 200, body


class TestAReload:
    def test_fails_no_request(self, gateway, client, until):
        before = gateway.workers
        with Visits(gateway.address, client.token).going_on() as visits:
            os.kill(gateway.process.pid, signal.SIGHUP)
            until(lambda: len(gateway.workers) == 2 and not gateway.workers & before)

        assert_nobody_noticed(visits)


class TestAWorkerThatIsToldToStop:
    def test_fails_no_request(self, gateway, client, until):
        before = gateway.workers
        victim = min(before)
        with Visits(gateway.address, client.token).going_on() as visits:
            os.kill(victim, signal.SIGTERM)
            until(lambda: len(gateway.workers - {victim}) == 2)

        assert_nobody_noticed(visits)
        assert len(gateway.workers & before) == 1


class TestAGatewayThatIsToldToStop:
    def test_is_not_ready_any_longer(self, gateway, until):
        with gateway.connect() as prober:

            def probe():
                prober.send(request("/health/ready"))
                return prober.answer()

            assert probe()[0] == 200
            gateway.process.terminate()
            answers = [until(lambda: (answer := probe())[0] == 503 and answer)]
            status, headers, body = answers[0]
            assert prober.answer() is None

        assert (status, headers["connection"]) == (503, "close")
        assert json.loads(body)["status"] == "unavailable"
        assert gateway.process.wait(20) == 0


class TestARestart:
    def test_refuses_nobody(self, address, status, processes, client):
        before = processes()["gateway"]["pid"]
        paths = StatePaths(Path(status["mailbox"]).parent)
        with Visits(address, client.token).going_on() as visits:
            operate.restart(paths, "gateway")

        assert_nobody_noticed(visits)
        assert processes()["gateway"]["pid"] != before

    def test_by_the_supervisor_refuses_nobody(self, address, processes, client, until):
        before = processes()["gateway"]["pid"]
        with Visits(address, client.token).going_on() as visits:
            os.kill(before, signal.SIGTERM)
            until(lambda: processes()["gateway"]["pid"] not in {None, before})
            until(lambda: len(workers_of(processes()["gateway"]["pid"])) == 2)

        assert_nobody_noticed(visits)
