import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def kill(status, name):
    """``kill -9`` a process of the stack; the supervisor brings it back."""
    (process,) = [each for each in status["processes"] if each["name"] == name]
    os.kill(process["pid"], signal.SIGKILL)


class TestConversion:
    def test_is_finished_after_the_death_of_the_other_service(
        self, client, status, until
    ):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        kill(status, "customer-rpc-1")
        first, _, _ = client("POST", f"{path}/convert", {})

        def converted():
            return client("POST", f"{path}/convert", {})[0] == 200

        until(converted)
        plurals = ("accounts", "contacts", "opportunities")
        found = [len(client("GET", f"/v1/{name}")[1]["data"]) for name in plurals]

        assert first in {200, 503, 504}
        assert found == [1, 1, 1]


class TestIdempotency:
    def test_makes_one_thing_of_many_requests_at_once(self, client):
        def post(_):
            return client(
                "POST", "/v1/contacts", {"last_name": "Key"}, Idempotency_Key="k"
            )[0]

        with ThreadPoolExecutor(10) as pool:
            codes = set(pool.map(post, range(20)))
        _, page, _ = client("GET", "/v1/contacts?include=count")

        assert codes <= {201, 409}
        assert page["page"]["count"] == 1

    def test_replays_the_first_answer(self, client):
        payload = {"last_name": "Key"}
        first = client("POST", "/v1/contacts", payload, Idempotency_Key="k")
        second = client("POST", "/v1/contacts", payload, Idempotency_Key="k")
        other = client("POST", "/v1/contacts", {"last_name": "X"}, Idempotency_Key="k")

        assert first[:2] == second[:2]
        assert second[2]["Idempotency-Replayed"] == "true"
        assert (422, "idempotency_key_reused") == (other[0], other[1]["code"])


class TestOperators:
    def test_call_a_service_with_a_stock_client(self, client, status):
        """In a process of its own: Nameko's client patches nothing, but imports."""
        script = (
            "import sys, warnings; warnings.simplefilter('ignore')\n"
            "from nameko.standalone.rpc import ClusterRpcProxy\n"
            "uri, token = sys.argv[1:]\n"
            "context = {'auth_token': token}\n"
            "with ClusterRpcProxy({'AMQP_URI': uri}, context, timeout=5) as rpc:\n"
            "    made = rpc.customer.create_contact(payload={'last_name': 'S'})\n"
            "print(made['id'])\n"
        )
        made = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", script, status["amqp_uri"], client.token],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout.strip()

        assert client("GET", f"/v1/contacts/{made}")[0] == 200
