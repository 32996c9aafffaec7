"""What other services tell is noted once, whatever the broker brings."""

import json

import pika
import pytest
from pymongo import MongoClient

from chassis.events import Envelope

pytestmark = pytest.mark.integration

TRAVELS = tuple(Envelope.__annotations__)


@pytest.fixture
def channel(status):
    uri = status["amqp_uri"].replace("pyamqp://", "amqp://", 1)
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


@pytest.fixture
def converted(client):
    """A contact of whose lead a conversion has made an opportunity."""
    _, lead, _ = client("POST", "/v1/leads", {"company": "Acme"})
    client("POST", f"/v1/leads/{lead['id']}/qualify")
    return client("POST", f"/v1/leads/{lead['id']}/convert", {})[1]["contact_id"]


def sold(status, contact_id, name):
    """An event of svc_sales about the contact, as it was published."""
    with MongoClient(status["mongo_uri"]) as mongo:
        log = mongo["rapport_sales"]["event_log"]
        row = log.find_one({"event": f"sales.{name}", "data.contact_id": contact_id})
    return row and {name: {**row, "id": row["_id"]}[name] for name in TRAVELS}


def notes(client, contact_id, count):
    path = f"/v1/interactions?filter[contact_id]={contact_id}&sort=created_at"
    data = client("GET", path)[1]["data"]
    return len(data) >= count and data


class TestNotes:
    def test_are_made_once_however_often_they_are_told(
        self, client, converted, channel, status, until
    ):
        before = until(lambda: notes(client, converted, 2))
        names = ("lead_converted", "opportunity_created")
        for name in names:
            event = until(lambda name=name: sold(status, converted, name))
            for _ in range(3):
                body = json.dumps(event).encode()
                channel.basic_publish("sales.events", name, body, mandatory=True)
        # Told behind them on the same queue, it is noted behind them.
        another = client("POST", "/v1/leads", {"company": "Next"})[1]["id"]
        client("POST", f"/v1/leads/{another}/qualify")
        asked = {"contact_id": converted}
        client("POST", f"/v1/leads/{another}/convert", asked)
        after = until(lambda: notes(client, converted, 4))

        assert len(after) == 4
        assert after[:2] == before

    def test_are_not_made_again_of_what_somebody_put_away(
        self, client, converted, channel, status, until
    ):
        first, second = until(lambda: notes(client, converted, 2))
        for each in (first, second):
            client("DELETE", f"/v1/interactions/{each['id']}")
        event = until(lambda: sold(status, converted, "lead_converted"))
        body = json.dumps(event).encode()
        channel.basic_publish("sales.events", "lead_converted", body, mandatory=True)
        _, dead, _ = client("GET", f"/v1/interactions/{first['id']}")

        assert dead["code"] == "interaction_not_found"
        assert notes(client, converted, 0) == []
