"""Events that come twice, or are none, seen through the real broker."""

import json
import uuid
from urllib.parse import unquote, urlsplit

import pika
import pytest
from envelopes import envelope
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.integration


@pytest.fixture
def channel(status):
    uri = urlsplit(status["amqp_uri"])
    credentials = pika.PlainCredentials(unquote(uri.username), unquote(uri.password))
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(uri.hostname, uri.port, uri.path[1:], credentials)
    )
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


@pytest.fixture
def activity(status):
    with MongoClient(status["mongo_uri"]) as client:
        yield client["rapport_analytics"]["activity"]


def publish(channel, event):
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    channel.basic_publish("customer.events", "contact_created", body, mandatory=True)


class TestFeed:
    def test_counts_an_event_once_however_often_it_comes(
        self, channel, activity, until
    ):
        org_id, first, last = new_id(), envelope(new_id()), envelope(new_id())
        first["org_id"] = last["org_id"] = org_id
        for event in (first, first, first, last):
            publish(channel, event)

        def count():
            row = activity.find_one({"org_id": org_id})
            return row is not None and row["count"] >= 2

        until(count)
        (row,) = activity.find({"org_id": org_id})

        assert row["count"] == 2

    @pytest.mark.parametrize(
        "poison",
        [
            f"no event {uuid.uuid4()}".encode(),
            json.dumps({"id": new_id(), "org_id": new_id()}).encode(),
        ],
        ids=["no JSON", "no more than ids"],
    )
    def test_parks_what_is_no_event_and_goes_on(self, channel, activity, until, poison):
        good = envelope(new_id())
        publish(channel, poison)
        publish(channel, good)

        def parked():
            method, properties, body = channel.basic_get("dead-letters-analytics")
            if method is None:
                return None
            channel.basic_ack(method.delivery_tag)
            return (properties, body) if body == poison else None

        properties, _ = until(parked)
        until(lambda: activity.find_one({"org_id": good["org_id"]}))

        assert properties.headers["x-reason"].startswith("InvalidInputError")
        assert properties.headers["x-queue"] == "feed-analytics"
