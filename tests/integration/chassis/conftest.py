import json
import uuid
from contextlib import ExitStack

import pika
import pytest
from explaining import FINDS
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pymongo import MongoClient
from worlds import VAULT_KEY, World

from chassis.cursors import own_seal
from chassis.migrate import migrate
from svc_customer.repository import RECORDS


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


@pytest.fixture(scope="session")
def root(root_uri):
    with MongoClient(root_uri, tz_aware=True, event_listeners=[FINDS]) as client:
        yield client


@pytest.fixture(scope="module")
def migrated(root):
    """Makes a database: ``migrated(LEASES)``; one for each set of collections."""
    made = {}

    def make(*collections):
        names = frozenset(each.name for each in collections)
        if names not in made:
            service = f"test{uuid.uuid4().hex[:12]}"
            migrate(root, service, "password", collections)
            made[names] = root[f"rapport_{service}"]
        return made[names]

    yield make
    for database in made.values():
        database.command("dropAllUsersFromDatabase")
        database.command("dropAllRolesFromDatabase")
        root.drop_database(database.name)


@pytest.fixture
def service_database(migrated, root_uri):
    """Gives a database like a service's: ``service_database(LEASES)``.

    As its owner sees it, and as the service may use it. Empty in each test.
    """
    with ExitStack() as stack:

        def give(*collections, listeners=()):
            owned = migrated(*collections)
            for each in collections:
                stack.callback(owned[each.name].delete_many, {})
            service = owned.name.removeprefix("rapport_")
            host = root_uri.rpartition("@")[2].partition("&authSource")[0]
            client = MongoClient(
                f"mongodb://{service}:password@{host}&authSource={owned.name}",
                tz_aware=True,
                w="majority",
                event_listeners=listeners,
            )
            return owned, stack.enter_context(client)[owned.name]

        yield give


@pytest.fixture(scope="session")
def customers(root):
    """The collections of svc_customer, where each test has an organization of its own.

    What a page costs is told by ``explaining``.
    """
    service = f"test{uuid.uuid4().hex[:12]}"
    migrate(root, service, None, RECORDS)
    yield root[f"rapport_{service}"]
    root.drop_database(f"rapport_{service}")


@pytest.fixture(scope="module")
def vault():
    """A key with which repositories seal and encrypt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAULT_KEY", VAULT_KEY)
        own_seal.cache_clear()
        yield
    own_seal.cache_clear()


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
