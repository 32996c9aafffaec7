"""What clients send once and never again does not stay in memory."""

import http.client
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from waiting import until

from chassis.errors import ForbiddenError
from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.rpc_client import RpcClient
from chassis.signer import Signer
from svc_auth.domain.roles import PERMISSIONS

pytestmark = pytest.mark.e2e

CLIENTS = 8
# So that all processes of the gateway get their share.
REQUESTS_PER_CONNECTION = 100
TOKENS = int(os.environ.get("MEMORY_TOKENS", "10000"))
# Each of them is a record, three durable writes: 10 000 take minutes.
KEYS = int(os.environ.get("MEMORY_KEYS", "500"))
# Until what has a bound is full: each process remembers 4 096 tokens.
WARM_UP = 0.85
# Of one process, in the rest. Kept for good, the rest of the tokens would take
# twice as much in each of the gateway's two processes, as was seen.
GROWTH_KIB = 2_048


def _resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"{pid} has no memory")


@pytest.fixture
def resident(processes):
    """Memory of the gateway's workers and of all services in KiB, by name."""

    def measure():
        pids = {}
        for name, each in processes().items():
            if name == "gateway":
                children = Path(f"/proc/{each['pid']}/task/{each['pid']}/children")
                for pid in children.read_text().split():
                    pids[f"gateway {pid}"] = pid
            elif "-rpc-" in name or "-events-" in name:
                pids[f"{name} {each['pid']}"] = each["pid"]
        return {name: _resident(pid) for name, pid in pids.items()}

    return measure


@pytest.fixture
def send(status):
    """Sends requests over a few connections; the statuses that came back."""
    address = urlsplit(status["gateway"]).netloc

    def one_client(requests):
        statuses = set()
        for first in range(0, len(requests), REQUESTS_PER_CONNECTION):
            connection = http.client.HTTPConnection(address, timeout=20)
            for method, path, payload, headers in requests[
                first : first + REQUESTS_PER_CONNECTION
            ]:
                body = None if payload is None else json.dumps(payload).encode()
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                response.read()
                statuses.add(response.status)
            connection.close()
        return statuses

    def send(requests):
        shares = [requests[first::CLIENTS] for first in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            return set().union(*pool.map(one_client, shares))

    return send


@pytest.fixture
def sign(status):
    """Tokens of strangers, as long as those of people are."""
    secrets = Path(status["mailbox"]).parent / "secrets/auth"
    keys = KeySet.load(secrets / "jwks.json", status["gateway"])
    signer = Signer(secrets / "signing_key.pem", keys)

    def sign(grants):
        return signer.sign(
            subject=new_id(),
            org_id=new_id(),
            session_id=new_id(),
            roles=["member"],
            grants=grants,
            lifetime_s=600,
        )

    return sign


@pytest.fixture
def secret_of(status):
    secrets = Path(status["mailbox"]).parent / "secrets"
    return lambda principal, name: (secrets / principal / name).read_text().strip()


@pytest.fixture
def flat(resident, record_testsuite_property):
    """Sends most of what there is, and sees that the rest takes no more memory."""

    def check(send, requests):
        begin = int(len(requests) * WARM_UP)
        send(requests[:begin])
        before = resident()
        send(requests[begin:])
        after = resident()
        growth = {name: after[name] - before[name] for name in before if name in after}
        record_testsuite_property("resident_kib", after)
        record_testsuite_property("growth_kib", growth)

        assert growth.keys() == before.keys(), "a process was replaced"
        assert max(growth.values()) < GROWTH_KIB, growth

    return check


@pytest.fixture
def flat_answering(flat, send):
    """The same with requests, whose answers have these statuses."""

    def check(requests, expected):
        def send_all(some):
            assert send(some) == expected

        flat(send_all, requests)

    return check


# All but what is asked for.
GRANTS = {
    f"{resource}:{action}": "all"
    for resource, actions in PERMISSIONS.items()
    for action in actions
    if resource != "contacts"
}


class TestTokens:
    def test_do_not_stay_in_the_gateway(self, flat_answering, sign, secret_of):
        limits = redis.Redis.from_url(secret_of("gateway", "redis_state_url"))
        requests = [
            ("GET", "/v1/contacts", None, {"Authorization": f"Bearer {sign(GRANTS)}"})
            for _ in range(TOKENS)
        ]
        before = limits.dbsize()

        flat_answering(requests, {403})

        # What each of these people may still ask for is forgotten, too; Redis
        # counts keys until it gets round to those whose time is over.
        assert until(lambda: limits.dbsize() < before + TOKENS / 100)

    def test_do_not_stay_in_a_service(self, flat, sign, status):
        client = RpcClient(status["amqp_uri"], "operator")
        terms = {"kwargs": {"payload": {}}, "timeout_s": 20}

        def send(tokens):
            for first in range(0, len(tokens), CLIENTS):
                calls = [
                    client.begin(
                        "customer",
                        "create_contact",
                        context={"auth_token": token},
                        **terms,
                    )
                    for token in tokens[first : first + CLIENTS]
                ]
                for call in calls:
                    with pytest.raises(ForbiddenError):
                        call.result()

        try:
            # It is one process, whose bound is passed sooner.
            flat(send, [sign(GRANTS) for _ in range(TOKENS // 2)])
        finally:
            client.close()


class TestGarbage:
    def test_does_not_stay(self, flat_answering, sign, client):
        """Forged and unreadable tokens, unknown paths, ids, keys and addresses."""
        head, body, signature = sign(GRANTS).split(".")
        before = len(client("GET", "/metrics")[1].splitlines())
        requests = []
        for number in range(TOKENS):
            unknown = uuid.uuid4().hex
            token = f"{head}.{body}.{unknown}{signature[32:]}"
            paths = (
                f"/{unknown}",
                f"/v1/contacts/{new_id()}",
                f"/v1/leads?q={unknown}",
            )
            headers = {
                "Authorization": f"Bearer {token if number % 2 else unknown}",
                "X-Forwarded-For": f"10.1.{number // 250}.{number % 250}",
                "X-Request-Id": unknown,
                "Idempotency-Key": unknown,
            }
            requests.append(("GET", paths[number % 3], None, headers))

        flat_answering(requests, {401, 404, 429})
        lines = client("GET", "/metrics")[1].splitlines()

        # A route and status that were not seen before have some lines each.
        assert len(lines) < before + 200
        assert not any(unknown.encode() in line for line in lines)


class TestIdempotencyKeys:
    def test_do_not_stay(self, flat_answering, sign):
        tokens = [sign({"leads:write": "all"}) for _ in range(max(1, KEYS // 50))]
        requests = [
            (
                "POST",
                "/v1/leads",
                {"company": "Foo"},
                {
                    "Authorization": f"Bearer {tokens[number % len(tokens)]}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": uuid.uuid4().hex,
                },
            )
            for number in range(KEYS)
        ]

        flat_answering(requests, {201})
