"""What is sent to those who follow, whatever dies meanwhile."""

import os
import signal
import threading
import time
import uuid
from pathlib import Path

import pytest
from following import Follower, Stream
from pymongo import MongoClient

from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.signer import Signer

pytestmark = pytest.mark.e2e

WRITES = 40


@pytest.fixture
def gateway(status):
    return status["gateway"]


@pytest.fixture
def client(newcomer, until):
    """Somebody whose registration is no news anymore."""
    client = newcomer()
    until(lambda: feed_ends_at(client) == 3)
    return client


@pytest.fixture
def member(status, client):
    """A token of another member of the client's organization."""
    secrets = Path(status["mailbox"]).parent / "secrets/auth"
    keys = KeySet.load(secrets / "jwks.json", status["gateway"])
    signer = Signer(secrets / "signing_key.pem", keys)
    _, org, _ = client("GET", "/v1/orgs/current")

    def sign(grants, subject=None, lifetime_s=60):
        return signer.sign(
            subject=subject or new_id(),
            org_id=org["id"],
            grants=grants,
            lifetime_s=lifetime_s,
        )

    return sign


@pytest.fixture
def pids_of(processes):
    """The pids of a process of the stack; of the gateway those of its workers."""

    def find(name):
        pid = processes()[name]["pid"]
        if name != "gateway":
            return [pid]
        try:
            found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return []
        return [int(each) for each in found.split()]

    return find


@pytest.fixture
def create(client, until):
    """Makes a contact, asking again until it is answered; gives its id."""

    def make(name="Foo"):
        key = uuid.uuid4().hex

        def attempt():
            try:
                code, contact, _ = client(
                    "POST", "/v1/contacts", {"last_name": name}, Idempotency_Key=key
                )
            except OSError:
                return None
            return contact["id"] if code == 201 else None

        return until(attempt, within_s=60)

    return make


@pytest.fixture
def follower(client, gateway):
    with Follower(gateway, client.token) as follower:
        yield follower


def feed_ends_at(client):
    return client("GET", "/v1/events?after=latest")[1]["page"]["position"]


class TestWhatIsSeen:
    def test_is_what_happens_with_its_place(self, client, gateway, create):
        with Stream(gateway, client.token) as stream:
            assert stream.response.headers["Content-Type"] == "text/event-stream"
            contact = create()
            place, name, document = stream.next_event()

        assert name == "customer.contact_created"
        assert document["aggregate"] == {"type": "contact", "id": contact}
        assert document["position"] == place
        assert not {"org_id", "visibility", "acl", "traceparent"} & document.keys()

    def test_is_the_same_in_the_feed(self, client, gateway, create):
        with Stream(gateway, client.token, types="customer.contact_created") as stream:
            for _ in range(3):
                create()
            sent = [stream.next_event()[2] for _ in range(3)]

        path = f"/v1/events?after={sent[0]['position'] - 1}"
        _, page, _ = client("GET", path)
        assert page["data"] == sent
        assert page["page"] == {"position": sent[-1]["position"], "has_more": False}

    def test_is_nothing_of_another_organization(self, client, newcomer, gateway):
        other = newcomer()
        with Stream(gateway, client.token) as stream:
            other("POST", "/v1/contacts", {"last_name": "Theirs"})
            _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Ours"})
            _, _, document = stream.next_event()

        assert document["aggregate"]["id"] == contact["id"]

    def test_is_nothing_beyond_rights(self, client, gateway, member):
        person = client("GET", "/v1/me")[1]["id"]
        leads = member({"leads:read": "all"})
        own = member({"contacts:read": "own"}, person)
        strange = member({"contacts:read": "own"})
        before = feed_ends_at(client)
        with Stream(gateway, leads) as first, Stream(gateway, own) as second:
            _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Foo"})
            _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
            sent = [
                stream.next_event()[2]["aggregate"]["id"] for stream in (first, second)
            ]

        assert sent == [lead["id"], contact["id"]]
        for token, expected in ((leads, 1), (own, 1), (strange, 0)):
            path = f"/v1/events?after={before}"
            _, page, _ = client("GET", path, Authorization=f"Bearer {token}")
            assert len(page["data"]) == expected
            assert page["page"]["position"] == before + 2


class TestBeginning:
    def test_is_where_the_client_says(self, client, gateway, create):
        before = feed_ends_at(client)
        made = [create(), create()]
        with Stream(gateway, client.token, last_event_id=before) as stream:
            seen = [stream.next_event()[2]["aggregate"]["id"] for _ in made]
        with Stream(gateway, client.token, after=before + 1) as stream:
            _, _, second = stream.next_event()

        assert seen == made
        assert second["aggregate"]["id"] == made[1]

    def test_that_is_not_kept_anymore_is_a_conflict(
        self, status, client, gateway, create, until
    ):
        before = feed_ends_at(client)
        first, second = create(), create()
        until(lambda: feed_ends_at(client) == before + 2)
        with MongoClient(status["mongo_uri"]) as database:
            rows = database["rapport_analytics"]["processed_events"]
            rows.delete_one({"aggregate.id": first})
        with Stream(gateway, client.token, last_event_id=before) as stream:
            refused = stream.status, stream.problem()["code"]
        _, page, _ = client("GET", f"/v1/events?after={before + 1}")

        assert refused == (409, "position_expired")
        assert [each["aggregate"]["id"] for each in page["data"]] == [second]

    @pytest.mark.parametrize(
        ("terms", "expected", "code"),
        [
            ({"last_event_id": "x"}, 400, "invalid_query"),
            ({"last_event_id": 10**9}, 400, "position_unknown"),
            ({"after": "-1"}, 400, "invalid_query"),
            ({"types": "a,,b"}, 400, "invalid_query"),
            ({"types": "customer.contact_eaten"}, 400, "invalid_query"),
            ({"limit": 3}, 400, "unknown_parameter"),
            ({"after": 9 * 10**18}, 400, "invalid_query"),
        ],
    )
    def test_that_cannot_be_is_a_problem(self, client, gateway, terms, expected, code):
        with Stream(gateway, client.token, **terms) as stream:
            assert (stream.status, stream.problem()["code"]) == (expected, code)

    def test_needs_a_token(self, gateway):
        with Stream(gateway) as stream:
            assert (stream.status, stream.problem()["code"]) == (401, "token_missing")


class TestTickets:
    def test_open_one_stream(self, client, gateway, create):
        code, given, _ = client("POST", "/v1/stream-tickets")
        with Stream(gateway, ticket=given["ticket"]) as stream:
            contact = create()
            _, _, document = stream.next_event()
        with Stream(gateway, ticket=given["ticket"]) as again:
            refused = again.status, again.problem()["code"]

        assert code == 201
        assert document["aggregate"]["id"] == contact
        assert refused == (401, "ticket_invalid")

    def test_are_for_streams_only(self, client):
        _, given, _ = client("POST", "/v1/stream-tickets")
        path = f"/v1/events?ticket={given['ticket']}"

        assert client("GET", path, Authorization="")[0] == 401


class TestEnd:
    def test_comes_with_the_token(self, gateway, member):
        token = member({"contacts:read": "all"}, lifetime_s=2)
        with Stream(gateway, token) as stream:
            blocks = list(stream)

        assert "retry" in blocks[-1]

    def test_comes_at_once_when_the_gateway_reloads(
        self, follower, create, processes, pids_of, until
    ):
        old = set(pids_of("gateway"))
        started = time.monotonic()
        os.kill(processes()["gateway"]["pid"], signal.SIGHUP)
        until(lambda: pids_of("gateway") and not old & set(pids_of("gateway")))
        took = time.monotonic() - started
        until(lambda: follower.streams > 1)
        contact = create()
        until(lambda: contact in follower.ids())

        # A stream must not hold up what waits fifteen seconds for connections.
        assert took < 10


@pytest.mark.usefixtures("_all_are_back")
class TestFaults:
    @pytest.mark.parametrize(
        "victim", ["gateway", "rabbitmq", "analytics-events-1", "customer-events-1"]
    )
    def test_lose_nothing_and_repeat_nothing(
        self, follower, create, pids_of, until, victim
    ):
        made = []
        writer = threading.Thread(
            target=lambda: made.extend(create() for _ in range(WRITES))
        )
        writer.start()
        until(lambda: len(follower.events) > WRITES // 4)
        for pid in pids_of(victim):
            os.kill(pid, signal.SIGKILL)
        writer.join(90)
        last = create()
        until(lambda: last in follower.ids(), within_s=60)
        until(lambda: len(follower.events) > WRITES, within_s=60)

        assert sorted(follower.ids()) == sorted([*made, last])
        assert follower.places() == sorted(set(follower.places()))
