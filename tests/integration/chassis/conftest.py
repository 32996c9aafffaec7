import json
import uuid
from contextlib import ExitStack

import pika
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pymongo import MongoClient
from worlds import World

from chassis.migrate import migrate


def connect(amqp_uri):
    uri = amqp_uri.replace("pyamqp://", "amqp://", 1)
    return pika.BlockingConnection(pika.URLParameters(uri))


class Caller:
    """Speaks raw AMQP to a service and hears what it answers."""

    def __init__(self, amqp_uri):
        self._connection = connect(amqp_uri)
        self.channel = self._connection.channel()
        self._queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.key = str(uuid.uuid4())
        self.answered = None
        self.channel.queue_bind(self._queue, "nameko-rpc", self.key)

    def send(self, method, body, headers=None, **properties):
        properties = {
            "reply_to": self.key,
            "correlation_id": str(uuid.uuid4()),
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "headers": headers or {},
            **properties,
        }
        self.channel.basic_publish(
            "nameko-rpc", method, body, pika.BasicProperties(**properties)
        )

    def answers(self, within_s=1):
        """Every answer, until none has come for a while."""
        replies = self.channel.consume(
            self._queue, auto_ack=True, inactivity_timeout=within_s
        )
        for _, properties, body in replies:
            if body is None:
                return
            self.answered = properties.correlation_id
            yield json.loads(body)

    def answer(self, within_s=1):
        answer = next(self.answers(within_s), None)
        assert answer is not None, f"no answer within {within_s} s"
        return answer

    def call(self, method, headers=None, **kwargs):
        """The answer to a well-formed request."""
        body = json.dumps({"args": [], "kwargs": kwargs}).encode()
        self.send(method, body, headers)
        return self.answer(within_s=5)

    def close(self):
        self._connection.close()


@pytest.fixture(scope="module")
def world(status, tmp_path_factory):
    """The probe, on a vhost and a database of this module alone."""
    world = World(status, tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture
def caller(status):
    caller = Caller(status["amqp_uri"])
    yield caller
    caller.close()


@pytest.fixture
def service_database(status, secret):
    """Makes a database like a service's: ``service_database(LEASES)``.

    Gives it as its owner sees it, and as the service may use it.
    """
    host = status["mongo_uri"].rpartition("@")[2]
    root = f"mongodb://root:{secret('mongodb', 'root_password')}@{host}"
    service = f"test{uuid.uuid4().hex[:12]}"
    name = f"rapport_{service}"

    with ExitStack() as stack:
        owner = stack.enter_context(MongoClient(root, tz_aware=True))

        def make(*collections, listeners=()):
            migrate(owner, service, "password", collections)
            stack.callback(owner.drop_database, name)
            stack.callback(owner[name].command, "dropAllRolesFromDatabase")
            stack.callback(owner[name].command, "dropAllUsersFromDatabase")
            own = f"mongodb://{service}:password@{host}".partition("&authSource")[0]
            client = MongoClient(
                f"{own}&authSource={name}",
                tz_aware=True,
                w="majority",
                event_listeners=listeners,
            )
            return owner[name], stack.enter_context(client)[name]

        yield make


@pytest.fixture
def run_machine():
    """Tries a state machine on real servers: ``run_machine(make, 20, 30)``.

    Without looking for the smallest failure, which would take minutes here.
    """

    def run(make, examples, steps):
        run_state_machine_as_test(
            make,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                phases=[Phase.explicit, Phase.generate],
            ),
        )

    return run
