"""The demo's client against a gateway that loses answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stack.demo_client import Client
from stack.errors import StackError

pytestmark = pytest.mark.integration


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append((self.path, self.headers["Idempotency-Key"]))
        status, answer = self.server.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.keys = []
    server.answers = [(200, {"access_token": "t"})]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(gateway):
    demo = {"email": "demo@example.test", "password": "x"}
    with Client(f"http://127.0.0.1:{gateway.server_port}", demo) as client:
        yield client


class TestPosts:
    @pytest.mark.parametrize(
        "lost",
        [
            (None, None),
            (503, {"code": "service_unavailable"}),
            (409, {"code": "idempotency_key_in_progress"}),
        ],
    )
    def test_are_sent_again_under_the_same_key(self, gateway, client, lost):
        gateway.answers += [lost, (201, {"id": "1"})]

        assert client.make("/v1/leads", {}) == {"id": "1"}
        (_, _), (path, key), again = gateway.keys
        assert key
        assert again == (path, key)

    def test_each_have_a_key_of_their_own(self, gateway, client):
        gateway.answers += [(201, {}), (201, {})]

        client.make("/v1/leads", {})
        client.make("/v1/leads", {})
        assert len({key for _, key in gateway.keys}) == 3

    def test_that_are_refused_are_not_sent_again(self, gateway, client):
        gateway.answers += [(409, {"code": "lead_closed"})]

        with pytest.raises(StackError, match="lead_closed"):
            client.make("/v1/leads/1/qualify", {})
        assert len(gateway.keys) == 2
