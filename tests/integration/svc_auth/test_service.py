"""Stock Nameko clients talk to the services as they are."""

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis.ids import new_id
from chassis.rpc_client import RpcClient

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
# In a process of its own: Nameko's client warns, and leaves threads behind.
SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from nameko.standalone.rpc import ClusterRpcProxy
uri, payload = sys.argv[1], json.loads(sys.argv[2])
with ClusterRpcProxy({"AMQP_URI": uri}, timeout=5) as rpc:
    tokens = rpc.auth.login(payload=payload)
context = {"auth_token": tokens["access_token"]}
with ClusterRpcProxy({"AMQP_URI": uri}, context, timeout=5) as rpc:
    later = rpc.customer.list_contacts.call_async(query={})
    made = rpc.customer.create_contact(payload={"last_name": "Stock"})
    before = later.result()["data"]
    after = rpc.customer.list_contacts(query={"fields": "last_name"})["data"]
with ClusterRpcProxy({"AMQP_URI": uri}, timeout=5) as rpc:
    try:
        rpc.customer.list_contacts(query={})
    except Exception as error:
        refusal = repr(error)
print(json.dumps({"after": after, "made": made["id"], "refusal": refusal}))
"""


class TestRegisterOrg:
    def test_makes_one_organization_of_one_key_at_once(self, newcomer):
        client = newcomer()
        client.token = None

        def register(key):
            payload = {
                "org_name": "Once",
                "name": "Ada",
                "password": "correct horse",
                "email": f"{key}@example.test",
            }
            code, answer, _ = client(
                "POST", "/v1/auth/register-org", payload, Idempotency_Key=key
            )
            return code, answer["access_token"] if code == 201 else answer["code"]

        for key in [uuid.uuid4().hex for _ in range(5)]:
            with ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(register, [key] * 6))
            assert {code for code, _ in answers} == {201}, answers
            organizations = {
                client("GET", "/v1/orgs/current", Authorization=f"Bearer {token}")[1][
                    "id"
                ]
                for _, token in answers
            }
            assert len(organizations) == 1


class TestStockClients:
    def test_log_in_and_act_as_the_person(self, client, status):
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [
                *(sys.executable, "-c", SCRIPT),
                *(status["amqp_uri"], json.dumps(client.credentials)),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )

        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert [each["last_name"] for each in answer["after"]] == ["Stock"]
        assert client("GET", f"/v1/contacts/{answer['made']}")[0] == 200
        assert "token_missing" in answer["refusal"]


class TestSecrets:
    @pytest.mark.parametrize(
        ("make", "payload"),
        [
            ("create_access_token", {"name": "CI", "scope": ["contacts:read"]}),
            (
                "create_oauth_client",
                {
                    "name": "Merge",
                    "redirect_uris": ["https://merge.example/callback"],
                    "grant_types": ["authorization_code"],
                    "scope": "openid",
                },
            ),
            ("create_invitation", {"email": "new@once.example", "roles": ["analyst"]}),
        ],
    )
    def test_are_of_one_thing_though_its_request_is_delivered_twice(
        self, newcomer, status, make, payload
    ):
        context = {"operation_id": new_id(), "auth_token": newcomer().token}
        bus = RpcClient(status["amqp_uri"], "gateway")
        try:
            made = [
                bus.call(
                    "auth",
                    make,
                    kwargs={"payload": payload},
                    context=context,
                    timeout_s=10,
                ).result
                for _ in range(2)
            ]
        finally:
            bus.close()

        assert made[0]["id"] == made[1]["id"]
        for name in {"token", "client_secret"} & made[0].keys():
            assert made[0][name] != made[1][name]
