"""Clients that take their time must not take that of others."""

import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from dribblers import Dribblers
from gateways import Gateway, request

pytestmark = pytest.mark.e2e

HEAD_S, BODY_S = 3, 4
# Waits are looked after about once a second.
LATE_S = 2.5


@pytest.fixture
def gateway(processes):
    waits = {"GATEWAY_HEAD_S": str(HEAD_S), "GATEWAY_BODY_S": str(BODY_S)}
    with Gateway(like=processes()["gateway"]["pid"], **waits) as gateway:
        yield gateway


def read_on(gateway, token, is_over):
    """Four clients read until it is over; how long 99 of 100 answers took at most."""
    reading = request("/v1/contacts?limit=1", token)
    took_s = []

    def read():
        with gateway.connect() as client:
            while not is_over():
                began = time.monotonic()
                client.send(reading)
                status, _, body = client.answer()
                assert status == 200, body
                took_s.append(time.monotonic() - began)

    with ThreadPoolExecutor(4) as pool:
        for reader in [pool.submit(read) for _ in range(4)]:
            reader.result()
    assert len(took_s) > 20
    return sorted(took_s)[len(took_s) * 99 // 100]


def slow_beginnings(token):
    fields = f"Authorization: Bearer {token}\r\n"
    head = f"GET /v1/contacts HTTP/1.1\r\nHost: x\r\n{fields}".encode()
    post = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\n{fields}".encode()
    sized = post + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"
    return {
        "head": [(head[:number], head[number:]) for number in range(200)],
        "body": [(sized, b"1" * 1_000), (chunked, b"1" * 1_000)] * 100,
    }


class TestSlowClients:
    def test_get_408_in_time_and_nobody_else_waits_for_them(self, gateway, client):
        beginnings = slow_beginnings(client.token)
        together = [*beginnings["head"], *beginnings["body"]]
        idle_until = time.monotonic() + 1.5
        idle_p99_s = read_on(
            gateway, client.token, lambda: time.monotonic() > idle_until
        )
        with Dribblers(gateway.address, together) as dribblers:
            p99_s = read_on(gateway, client.token, lambda: not dribblers.waiting)
            heads, bodies = dribblers.clients[:200], dribblers.clients[200:]

        assert Counter(one.status for one in heads + bodies) == {408: 400}
        assert HEAD_S <= min(one.took_s for one in heads)
        assert max(one.took_s for one in heads) < HEAD_S + LATE_S
        assert BODY_S <= min(one.took_s for one in bodies)
        assert max(one.took_s for one in bodies) < BODY_S + LATE_S
        _, _, problem = heads[0].answer.partition(b"\r\n\r\n")
        assert json.loads(problem)["code"] == "request_timeout"
        assert p99_s < 0.2 + 2 * idle_p99_s


class TestHalfClosedClients:
    def test_are_answered_if_they_have_asked(self, gateway, client):
        requests = [
            request("/health/live"),
            request("/openapi.json"),
            request("/v1/contacts", client.token, '{"last_name": "Half"}'),
        ]
        expected = [200] * 160 + [200] * 20 + [201] * 20
        clients = [gateway.connect() for _ in expected]
        for number, one in enumerate(clients):
            one.send(requests[(number >= 160) + (number >= 180)])
            one.socket.shutdown(socket.SHUT_WR)
        answers = [one.answer() for one in clients]
        ends = [one.answer() for one in clients]
        for one in clients:
            one.close()

        assert [status for status, _, _ in answers] == expected
        assert len({body for _, _, body in answers[160:180]}) == 1
        assert ends == [None] * 200

    def test_are_let_go_at_once_if_they_have_not(self, gateway, client):
        whole = request("/v1/contacts", client.token, '{"last_name": "Half"}')
        clients = [gateway.connect() for _ in range(200)]
        began = time.monotonic()
        for number, one in enumerate(clients):
            one.send(whole[: number * (len(whole) - 1) // 200])
            one.socket.shutdown(socket.SHUT_WR)
        ends = [one.answer() for one in clients]
        took_s = time.monotonic() - began
        for one in clients:
            one.close()

        assert ends == [None] * 200
        assert took_s < HEAD_S
