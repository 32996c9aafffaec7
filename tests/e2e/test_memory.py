"""What clients send once and never again does not stay in memory."""

import http.client
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.auth import KeySet, Signer
from chassis.ids import new_id

pytestmark = pytest.mark.e2e

CLIENTS = 8
TOKENS = int(os.environ.get("MEMORY_TOKENS", "10000"))
# Each of them is a record, three durable writes: 10 000 take minutes.
KEYS = int(os.environ.get("MEMORY_KEYS", "500"))
# Until caches with a bound are full, and allocators have what they need.
WARM_UP = 0.5
# Of one process; what Python's allocator does not give back varies by this much.
GROWTH_KIB = 8_192


@pytest.fixture
def resident(processes):
    """Memory of the gateway's workers and of all services, in KiB, by pid."""

    def measure():
        pids = []
        for name, each in processes().items():
            if name == "gateway":
                children = Path(f"/proc/{each['pid']}/task/{each['pid']}/children")
                pids += [int(pid) for pid in children.read_text().split()]
            elif "-rpc-" in name or "-events-" in name:
                pids.append(each["pid"])
        return {pid: _resident(pid) for pid in pids}

    return measure


def _resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"{pid} has no memory")


@pytest.fixture
def send(status):
    """Sends requests over a few connections; the statuses that came back."""
    address = urlsplit(status["gateway"]).netloc

    def one_client(requests):
        connection = http.client.HTTPConnection(address, timeout=20)
        statuses = set()
        for method, path, payload, headers in requests:
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
    secrets = Path(status["mailbox"]).parent / "secrets/auth"
    keys = KeySet.load(secrets / "jwks.json")
    signer = Signer(secrets / "signing_key.pem", keys, status["gateway"])

    def sign(grants):
        return signer.sign(
            subject=new_id(), org_id=new_id(), grants=grants, lifetime_s=600
        )

    return sign


@pytest.fixture
def flat(resident, send, record_property):
    """Sends half of what there is, and sees that the whole takes no more."""

    def check(requests, expected):
        begin = int(len(requests) * WARM_UP)
        assert send(requests[:begin]) == expected
        before = resident()
        assert send(requests[begin:]) == expected
        after = resident()
        growth = {pid: after[pid] - before[pid] for pid in before if pid in after}
        record_property("growth_kib", growth)

        assert growth.keys() == before.keys(), "a process was replaced"
        assert max(growth.values()) < GROWTH_KIB, growth

    return check


class TestMemory:
    def test_keeps_no_tokens(self, flat, sign):
        requests = [
            ("GET", "/v1/contacts", None, {"Authorization": f"Bearer {sign({})}"})
            for _ in range(TOKENS)
        ]

        flat(requests, {403})

    def test_keeps_no_garbage(self, flat):
        requests = [
            ("GET", f"/{uuid.uuid4().hex}", None, {"Authorization": uuid.uuid4().hex})
            for _ in range(TOKENS // 4)
        ]

        flat(requests, {404, 429})

    def test_keeps_no_idempotency_keys(self, flat, sign):
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

        flat(requests, {201})
