"""The worker under a real gunicorn, with an application that only echoes."""

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing, suppress

import pytest
from fronts import CHUNKED, GET, POST, Client, Front, start
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import until

pytestmark = pytest.mark.integration

WAITS = {"GATEWAY_HEAD_S": "2", "GATEWAY_BODY_S": "3", "GATEWAY_ANSWER_S": "3"}
HEAD_S, BODY_S, ANSWER_S = (int(seconds) for seconds in WAITS.values())


@pytest.fixture(scope="module")
def run():
    """Starts gunicorns: ``run()`` gives one that answers."""
    processes = []

    def begin(**environment):
        with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
            process = start(listener, **{**WAITS, **environment})
            processes.append(process)
            front = Front(process, listener.getsockname())
            assert front.ask()[0] == 200
        return front

    yield begin
    for process in processes:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def front(run):
    return run()


def echoed(answer):
    status, _, body = answer
    assert status == 200
    return json.loads(body)["body"]


class TestRequests:
    @settings(max_examples=15)
    @given(
        st.lists(
            st.sampled_from(
                [
                    (GET, ""),
                    (POST % 5 + b"12345", "12345"),
                    (CHUNKED + b"3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n", "abcde"),
                    (CHUNKED + b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n", "a"),
                    (b"\r\n" + GET, ""),
                ]
            ),
            min_size=1,
            max_size=5,
        ),
        st.lists(st.integers(0, 400), max_size=8),
    )
    def test_are_answered_in_order_however_they_come(self, front, requests, points):
        data = b"".join(request for request, _ in requests)
        edges = [0, *sorted(point % len(data) for point in points), len(data)]
        with front.connect() as client:
            for begin, end in itertools.pairwise(edges):
                client.send(data[begin:end])
            bodies = [echoed(client.answer()) for _ in requests]

        assert [body for _, body in requests] == bodies

    def test_are_told_to_go_on(self, front):
        head = (POST % 5).replace(b"Host", b"Expect: 100-continue\r\nHost")
        with front.connect() as client:
            client.send(head)
            assert client.line() == b"HTTP/1.1 100 Continue\r\n"
            assert client.line() == b"\r\n"
            client.send(b"12345" + GET)
            bodies = [echoed(client.answer()), echoed(client.answer())]

        assert bodies == ["12345", ""]

    def test_are_answered_to_who_says_no_more(self, front):
        with front.connect() as client:
            client.send(GET)
            client.socket.shutdown(socket.SHUT_WR)

            assert echoed(client.answer()) == ""
            assert client.answer() is None

    def test_keep_the_connection_though_their_body_was_not_read(self, front):
        with front.connect() as client:
            client.send((POST % 50_000).replace(b"/a", b"/deaf") + b"1" * 50_000 + GET)

            assert echoed(client.answer()) == ""
            assert json.loads(client.answer()[2])["path"] == "/a"

    def test_with_too_large_a_body_are_answered_and_end_the_connection(self, front):
        head = (POST % 2_000_000).replace(b"/a", b"/deaf")
        with front.connect() as client:
            client.send(head + b"1" * 100_000)
            status, headers, _ = client.answer()

            assert (200, "close") == (status, headers["connection"])
            assert client.answer() is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"\x16\x03\x01\x02\x00\r\n\r\n", (400, "malformed_request")),
            (b"GET / HTTP/1.1\nHost: x\n\n", (400, "malformed_request")),
            (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", (400, "malformed_request")),
            (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", (400, "malformed_request")),
            (b"GET / HTTP/3.0\r\n\r\n", (400, "malformed_request")),
            (
                CHUNKED.replace(b"Host: x", b"Content-Length: 5") + b"0\r\n\r\n",
                (400, "malformed_request"),
            ),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                (400, "malformed_request"),
            ),
            (
                b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                (400, "malformed_request"),
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                (501, "transfer_coding_unsupported"),
            ),
            (CHUNKED + b"zz\r\n", (400, "malformed_request")),
            (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", (400, "malformed_request")),
            (CHUNKED + b"0\r\nHost: x\r\n\r\n", (400, "malformed_request")),
            (
                b"GET / HTTP/1.1\r\nExpect: more\r\n\r\n",
                (417, "expectation_failed"),
            ),
            (b"GET /" + b"a" * 9_000, (414, "uri_too_long")),
            (
                b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
                (431, "headers_too_large"),
            ),
            (
                b"GET / HTTP/1.1\r\n" + b"X: yyyy\r\n" * 9_000,
                (431, "headers_too_large"),
            ),
        ],
    )
    def test_say_what_is_wrong_and_end_the_connection(self, front, data, expected):
        with front.connect() as client:
            client.send(data)

            assert client.refusal() == expected

    def test_follow_the_answers_to_what_came_before(self, front):
        with front.connect() as client:
            client.send(GET + b"nonsense\r\n\r\n" + GET)

            assert echoed(client.answer()) == ""
            assert client.refusal() == (400, "malformed_request")


class TestSlowClients:
    def test_are_given_so_long_however_busy_they_look(self, front):
        def dribble(client, data, answered):
            for byte in data:
                if answered.wait(0.1):
                    return
                with suppress(OSError):
                    client.send(bytes([byte]))

        took = {}
        for part, sent in (("head", b""), ("body", POST % 1_000)):
            answered = threading.Event()
            with front.connect() as client:
                client.send(sent)
                began = time.monotonic()
                data = b"GET /" + b"a" * 1_000
                sender = threading.Thread(target=dribble, args=(client, data, answered))
                sender.start()
                code = client.refusal()
                took[part] = time.monotonic() - began
                answered.set()
                sender.join()
            assert code == (408, "request_timeout")

        assert HEAD_S <= took["head"] < HEAD_S + 2
        assert BODY_S <= took["body"] < BODY_S + 2

    def test_leave_all_threads_to_the_others(self, front):
        clients = [front.connect() for _ in range(120)]
        for number, client in enumerate(clients):
            sent = (b"", b"GET /a HTT", POST % 1_000, CHUNKED + b"fff\r\na")[number % 4]
            client.send(sent)
            if number % 8 > 4:
                client.socket.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        answers = [front.ask()[0] for _ in range(20)]
        took_s = time.monotonic() - began
        for client in clients:
            client.close()

        assert answers == [200] * 20
        # One second is how long the poller may sleep.
        assert took_s < 1

    def test_who_do_not_read_leave_all_threads_to_the_others(self, front):
        clients = [front.connect() for _ in range(10)]
        for client in clients[1:]:
            # Else the kernels take all of it.
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for client in clients:
            client.send(GET.replace(b"/a", b"/long"))
        began = time.monotonic()
        answers = [front.ask()[0] for _ in range(20)]
        took_s = time.monotonic() - began

        assert answers == [200] * 20
        assert took_s < 1
        # Some have read what they were sent, late; the others are let go.
        assert len(clients[0].answer()[2]) == 4_194_304
        until(lambda: front.sockets < 9, within_s=ANSWER_S + 3)
        for client in clients:
            client.close()

    def test_are_fewer_than_connections_in_all(self, front):
        with front.connect() as first:
            others = [front.connect() for _ in range(400)]
            status, _, _ = front.ask()
            ended = first.answer()
            most = front.sockets
            for other in others:
                other.close()

        assert (200, None) == (status, ended)
        assert most <= 310

    def test_keep_no_more_than_so_many_bytes_in_all(self, run):
        front = run(GATEWAY_BUFFER_BYTES="1000000")
        clients = [front.connect() for _ in range(4)]
        for client in clients:
            client.send(POST % 1_000_000 + b"1" * 400_000)
        refused = clients[0].refusal()
        clients[3].send(b"1" * 600_000)
        answer = clients[3].answer()
        for client in clients:
            client.close()

        assert refused == (503, "too_busy")
        assert len(echoed(answer)) == 1_000_000


class TestStopping:
    def test_answers_what_had_been_begun_and_says_that_this_was_all(self, run):
        front = run()
        with front.connect() as busy, front.connect() as late, front.connect() as idle:
            busy.send(GET.replace(b"/a", b"/nap"))
            late.send(POST % 5 + b"123")
            idle.send(GET)
            assert echoed(idle.answer()) == ""
            until(lambda: front.queued == 0)
            front.process.terminate()
            until(lambda: front.is_closed)
            late.send(b"45")
            idle.send(GET)
            answers = [client.answer() for client in (busy, late, idle)]
            ends = [client.answer() for client in (busy, late, idle)]

        assert [echoed(answer) for answer in answers] == ["", "12345", ""]
        assert [headers["connection"] for _, headers, _ in answers] == ["close"] * 3
        assert ends == [None] * 3
        assert front.process.wait(10) == 0

    def test_serves_who_has_knocked(self, run):
        front = run()
        worker = front.worker
        os.kill(worker, signal.SIGSTOP)
        with closing(socket.create_connection(front.address, timeout=10)) as sock:
            sock.sendall(GET)
            front.process.terminate()
            os.kill(worker, signal.SIGCONT)
            client = Client(sock)
            assert echoed(client.answer()) == ""
            assert client.answer() is None

        assert front.process.wait(10) == 0

    def test_does_not_wait_for_dribbling_clients(self, run):
        front = run(GATEWAY_HEAD_S="60", GATEWAY_BODY_S="60")
        with front.connect() as head, front.connect() as body:
            head.send(b"GET /")
            body.send(POST % 1_000)
            front.ask()
            front.process.terminate()
            codes = [head.refusal(), body.refusal()]

        assert codes == [(408, "request_timeout")] * 2
        assert front.process.wait(10) == 0
