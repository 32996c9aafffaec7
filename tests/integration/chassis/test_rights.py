"""What a service's own users may not do, tried with their own credentials."""

from urllib.parse import unquote, urlsplit

import pika
import pytest
from pika.exceptions import AMQPChannelError
from pymongo import MongoClient
from pymongo.errors import OperationFailure

pytestmark = pytest.mark.integration

UUID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def channel(secret):
    uri = urlsplit(secret("sales", "amqp_uri"))
    credentials = pika.PlainCredentials(unquote(uri.username), unquote(uri.password))
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(uri.hostname, uri.port, uri.path[1:], credentials)
    )
    yield connection.channel()
    connection.close()


@pytest.fixture
def database(secret):
    with MongoClient(secret("sales", "mongo_uri")) as client:
        yield client["rapport_sales"]


def reply_queue(channel):
    name = f"rpc.reply-sales-{UUID}"
    channel.queue_declare(name, exclusive=True, auto_delete=True)
    return name


class TestBroker:
    @pytest.mark.parametrize("key", ["#", "auth.*", "reply.gateway.*", "reply.#"])
    def test_lets_nobody_listen_to_others(self, channel, key):
        queue = reply_queue(channel)

        with pytest.raises(AMQPChannelError, match="ACCESS_REFUSED"):
            channel.queue_bind(queue, "nameko-rpc", key)

    def test_lets_a_service_hear_its_own_replies(self, channel):
        channel.queue_bind(reply_queue(channel), "nameko-rpc", f"reply.sales.{UUID}")

        assert channel.is_open

    @pytest.mark.parametrize(
        ("exchange", "key"),
        [
            ("auth.events", "org_registered"),
            ("nameko-rpc", "auth.login"),
            ("nameko-rpc", "customer.list_contacts"),
            ("", "rpc-auth"),
        ],
    )
    def test_lets_nobody_speak_for_others(self, channel, exchange, key):
        channel.confirm_delivery()

        with pytest.raises(AMQPChannelError, match="ACCESS_REFUSED"):
            channel.basic_publish(exchange, key, b"{}", mandatory=True)

    @pytest.mark.parametrize("queue", ["rpc-auth", "feed-analytics"])
    def test_lets_nobody_consume_for_others(self, channel, queue):
        with pytest.raises(AMQPChannelError, match="ACCESS_REFUSED"):
            channel.basic_consume(queue, lambda *_: None)

    @pytest.mark.parametrize("name", ["rpc-sales2", "evt-x--sales.y"])
    def test_lets_no_service_declare(self, channel, name):
        with pytest.raises(AMQPChannelError, match="ACCESS_REFUSED"):
            channel.queue_declare(name, durable=True)


class TestDatabase:
    def test_shows_no_service_the_records_of_another(self, database):
        with pytest.raises(OperationFailure, match="not authorized"):
            database.client["rapport_customer"]["contacts"].find_one()

    def test_lets_no_service_make_collections(self, database):
        with pytest.raises(OperationFailure, match="not authorized"):
            database.create_collection("extra")

    def test_lets_no_service_rewrite_history(self, database):
        with pytest.raises(OperationFailure, match="not authorized"):
            database["event_log"].update_one({}, {"$set": {"data": {}}})
        with pytest.raises(OperationFailure, match="not authorized"):
            database["event_log"].delete_one({})

    def test_lets_no_service_alter_indexes(self, database):
        with pytest.raises(OperationFailure, match="not authorized"):
            database["leads"].create_index("x")
