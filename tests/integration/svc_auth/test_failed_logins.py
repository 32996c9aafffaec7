"""Each attempt to log in is noted once, however its message is delivered."""

import json
import uuid

import pika
import pytest
from pymongo import MongoClient

from chassis.ids import keyed_operation_id
from chassis.topology import RPC_EXCHANGE

pytestmark = pytest.mark.integration

KEYED = keyed_operation_id("-", "-", "x")


@pytest.fixture
def deliver(status):
    """Has messages that ask for the same login delivered, one for each name."""
    uri = status["amqp_uri"].removeprefix("py")
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    reply_to = str(uuid.uuid4())
    channel.queue_bind(queue, RPC_EXCHANGE, reply_to)

    def answers(payload, *names):
        for name in names:
            properties = pika.BasicProperties(
                content_type="application/json",
                content_encoding="utf-8",
                headers={"nameko.operation_id": KEYED},
                correlation_id=name,
                reply_to=reply_to,
            )
            body = json.dumps({"args": [], "kwargs": {"payload": payload}}).encode()
            channel.basic_publish(RPC_EXCHANGE, "auth.login", body, properties)
        found = []
        for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=20):
            assert body is not None, "a request was not answered"
            found.append(json.loads(body)["error"])
            if len(found) == len(names):
                return found
        return found

    yield answers
    connection.close()


@pytest.fixture
def acts(status):
    with MongoClient(status["mongo_uri"]) as mongo:
        yield mongo["rapport_auth"]["acts"]


class TestFailedLogins:
    def test_are_one_for_each_attempt_under_one_key(self, client, deliver, acts):
        me = client("GET", "/v1/me")[1]["id"]
        wrong = {**client.credentials, "password": "wrong horse"}
        refused = deliver(wrong, "first", "second", "second")

        assert all(each is not None for each in refused)
        assert acts.count_documents({"owner_id": me}) == 2
