"""The rpc entrypoint against requests that make no sense."""

import json
import time
import uuid
from urllib.parse import unquote, urlsplit

import pika
import pytest

pytestmark = pytest.mark.integration


class Caller:
    """Speaks raw AMQP to a service and hears what it answers."""

    def __init__(self, amqp_uri):
        uri = urlsplit(amqp_uri)
        credentials = pika.PlainCredentials(
            unquote(uri.username), unquote(uri.password)
        )
        self._connection = pika.BlockingConnection(
            pika.ConnectionParameters(uri.hostname, uri.port, uri.path[1:], credentials)
        )
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._key = str(uuid.uuid4())
        self._channel.queue_bind(self._queue, "nameko-rpc", self._key)

    def send(
        self, method, body, *, reply=True, content_type="application/json", **headers
    ):
        properties = pika.BasicProperties(
            reply_to=self._key if reply else None,
            correlation_id=str(uuid.uuid4()),
            content_type=content_type,
            content_encoding="utf-8",
            headers={f"nameko.{name}": value for name, value in headers.items()},
        )
        self._channel.basic_publish("nameko-rpc", method, body, properties)

    def answer(self):
        replies = self._channel.consume(self._queue, inactivity_timeout=5)
        _, _, body = next(replies)
        assert body is not None, "no answer within five seconds"
        return json.loads(body)

    def ask(self, method, body, **options):
        self.send(method, body, **options)
        return self.answer()

    def close(self):
        self._connection.close()


@pytest.fixture
def caller(status):
    caller = Caller(status["amqp_uri"])
    yield caller
    caller.close()


EMPTY = b'{"args": [], "kwargs": {}}'


class TestRpc:
    def test_answers_a_stock_request(self, caller):
        answer = caller.ask("customer.check_health", EMPTY)

        assert answer == {"result": {"status": "ok"}, "error": None}

    @pytest.mark.parametrize(
        ("method", "body", "content_type", "expected"),
        [
            ("check_health", b"{", "application/json", "MalformedRequest"),
            ("check_health", b"[]", "application/json", "MalformedRequest"),
            ("check_health", b'{"args": 1, "kwargs": {}}', None, "MalformedRequest"),
            ("check_health", EMPTY, "application/x-msgpack", "MalformedRequest"),
            ("nope", EMPTY, "application/json", "MethodNotFound"),
            (
                "check_health",
                b'{"args": [], "kwargs": {"x": 1}}',
                "application/json",
                "IncorrectSignature",
            ),
            ("list_contacts", EMPTY, "application/json", "IncorrectSignature"),
            (
                "list_contacts",
                b'{"args": [], "kwargs": {"query": {}}}',
                "application/json",
                "UnauthenticatedError",
            ),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self, caller, method, body, content_type, expected
    ):
        answer = caller.ask(f"customer.{method}", body, content_type=content_type)

        assert answer["error"]["exc_type"] == expected

    def test_takes_typed_json_for_what_it_is(self, caller):
        payload = {"email": {"__type__": "bytes", "__value__": "x"}, "password": "x"}
        body = json.dumps({"args": [], "kwargs": {"payload": payload}}).encode()

        answer = caller.ask("auth.login", body)

        assert answer["error"]["exc_args"][0] == "invalid_input"

    def test_survives_a_request_without_an_address(self, caller):
        caller.send("customer.check_health", EMPTY, reply=False)

        assert caller.ask("customer.check_health", EMPTY)["error"] is None

    def test_starts_nothing_that_nobody_waits_for(self, caller):
        late = str(time.time() - 1)
        answer = caller.ask("customer.check_health", EMPTY, deadline=late)

        assert answer["error"]["exc_type"] == "DeadlineExceededError"
