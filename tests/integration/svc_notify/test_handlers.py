"""A welcome is sent once, whatever the broker brings."""

import json
import mailbox
import os
import signal
import uuid

import pika
import pytest
from pymongo import MongoClient

from chassis.ids import new_id

QUEUE = "dead-letters-notify"
HANDLER = "evt-auth-org_registered--notify.on_org_registered"
pytestmark = pytest.mark.integration


@pytest.fixture
def channel(status):
    uri = status["amqp_uri"].replace("pyamqp://", "amqp://", 1)
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


@pytest.fixture
def mongo(status):
    with MongoClient(status["mongo_uri"]) as client:
        yield client


def statuses(client):
    return sorted(each["status"] for each in client("GET", "/v1/deliveries")[1]["data"])


def publish(channel, body):
    channel.basic_publish("auth.events", "org_registered", body, mandatory=True)


def sent(client):
    _, answer, _ = client("GET", "/v1/deliveries")
    return [each for each in answer["data"] if each["status"] == "sent"]


def letters(status, client):
    box = mailbox.Maildir(status["mailbox"], create=False)
    welcomes = [each for each in box if each["Subject"].startswith("Welcome")]
    return [message for message in welcomes if message["To"] == client.email]


class TestOnOrgRegistered:
    def test_sends_one_message_however_often_it_hears(
        self, channel, mongo, newcomer, status, until
    ):
        client = newcomer()
        until(lambda: sent(client))
        org_id = client("GET", "/v1/me")[1]["org_id"]
        row = mongo["rapport_auth"]["event_log"].find_one(
            {"org_id": org_id, "event": "auth.org_registered"}
        )
        event = {"id": row.pop("_id"), **row}
        del event["seal"]

        for _ in range(3):
            publish(channel, json.dumps(event).encode())
        after = newcomer()
        until(lambda: sent(after))

        assert len(client("GET", "/v1/deliveries")[1]["data"]) == 1
        assert len(letters(status, client)) == 1

    @pytest.mark.parametrize(
        "poison",
        [
            f"no event {uuid.uuid4()}",
            json.dumps([uuid.uuid4().hex]),
            json.dumps({"id": new_id(), "org_id": "none"}),
            json.dumps({"id": new_id(), "org_id": new_id()}),
        ],
        ids=["no JSON", "no object", "no organization", "no more than ids"],
    )
    def test_parks_what_is_no_event_and_goes_on(
        self, channel, newcomer, processes, until, poison
    ):
        before = processes()["notify-events-1"]["pid"]
        publish(channel, poison.encode())

        def parked():
            _, properties, body = channel.basic_get(QUEUE, auto_ack=True)
            return body == poison.encode() and properties

        properties = until(parked)
        client = newcomer()
        until(lambda: sent(client))
        assert properties.headers["x-reason"].startswith("InvalidInputError")
        assert properties.headers["x-queue"].startswith("evt-auth-org_registered--")
        assert processes()["notify-events-1"]["pid"] == before

    def test_says_failed_after_the_last_attempt_and_sends_when_replayed(
        self, channel, mongo, newcomer, processes, until
    ):
        client = newcomer()
        until(lambda: sent(client))
        org_id = client("GET", "/v1/me")[1]["org_id"]
        row = mongo["rapport_auth"]["event_log"].find_one(
            {"org_id": org_id, "event": "auth.org_registered"}
        )
        event = json.dumps(
            {**row, "id": new_id(), "_id": None, "changes": {}}, default=str
        ).encode()
        last = pika.BasicProperties(headers={"x-attempt": 5})
        mail = processes()["mail"]["pid"]
        os.kill(mail, signal.SIGSTOP)
        try:
            channel.basic_publish("", HANDLER, event, last, mandatory=True)
            until(lambda: statuses(client) == ["failed", "sent"])
        finally:
            os.kill(mail, signal.SIGCONT)

        def parked():
            return channel.basic_get(QUEUE, auto_ack=True)[2] == event

        until(parked)
        channel.basic_publish("", HANDLER, event, mandatory=True)
        until(lambda: statuses(client) == ["sent", "sent"])
