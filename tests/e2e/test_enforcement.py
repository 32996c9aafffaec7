"""Who may do what, asked of every RPC and every route there is."""

import inspect
import json
import re
from pathlib import Path

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR
from routes import resource_views

from chassis.auth import KeySet, Signer
from chassis.errors import WireError
from chassis.ids import new_id
from chassis.roles import service_class
from chassis.rpc import Rpc
from chassis.rpc_client import RpcClient
from stack.openapi.routes import routes
from stack.principals import SERVICES
from svc_auth.domain.roles import PERMISSIONS

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "gateway_flask/openapi.json").read_text())
EVERYTHING = [
    f"{resource}:{action}"
    for resource, actions in PERMISSIONS.items()
    for action in actions
]
NEEDS = re.compile(r"(?:Needs the|and) ``([a-z-]+:[a-z]+)``")
# What anybody who is signed in may ask, about themselves or of several services.
SIGNED_IN = {
    "analytics.check_processed",
    "analytics.list_events",
    "auth.create_access_token",
    "auth.get_me",
    "auth.list_access_tokens",
    "auth.renew_access_token",
    "auth.revoke_access_token",
    # They answer with what the caller may read of each kind.
    "customer.search_records",
    "sales.search_records",
}
# What api.md and decisions.md open to everybody, as far as it is there.
PUBLIC = {
    ("get", "/.well-known/jwks.json"),
    ("get", "/docs"),
    ("get", "/docs/assets/{name}"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/logout"),
    ("post", "/v1/auth/refresh"),
    ("post", "/v1/auth/register-org"),
}


def rpcs():
    for service in SERVICES:
        members = inspect.getmembers(
            service_class(f"svc_{service}", "rpc"), inspect.isfunction
        )
        for name, function in members:
            for entrypoint in getattr(function, ENTRYPOINT_EXTENSIONS_ATTR, ()):
                if isinstance(entrypoint, Rpc) and not entrypoint.is_public:
                    yield pytest.param(service, name, function, id=f"{service}.{name}")


RPCS = list(rpcs())
ROUTES = [pytest.param(each, id=each.name) for each in routes()]
# What an RPC is given: nothing that it could take for right.
ARGUMENTS = {"payload": {}, "query": {}, "operations": [], "expected_version": None}


@pytest.fixture(scope="module")
def bus(status):
    client = RpcClient(status["amqp_uri"], "operator")
    yield client
    client.close()


@pytest.fixture(scope="module")
def call(bus):
    """The code with which an RPC refuses; None if it does not."""

    def call(service, name, function, token):
        wanted = list(inspect.signature(function).parameters)[1:]
        kwargs = {each: ARGUMENTS.get(each, new_id()) for each in wanted}
        context = {} if token is None else {"auth_token": token}
        try:
            bus.call(service, name, kwargs=kwargs, context=context, timeout_s=10)
        except WireError as error:
            return error.code
        return None

    return call


@pytest.fixture(scope="module")
def sign(status):
    """Tokens of a stranger with certain rights, signed as svc_auth does."""
    secrets = Path(status["mailbox"]).parent / "secrets"

    def sign(grants, principal="auth", subject=None, org_id=None):
        signer = Signer(
            secrets / principal / "signing_key.pem",
            KeySet.load(secrets / principal / "jwks.json"),
            status["gateway"],
        )
        return signer.sign(
            subject=subject or new_id(),
            org_id=org_id or new_id(),
            grants=dict.fromkeys(grants, "all"),
            lifetime_s=300,
        )

    return sign


class TestEveryRpc:
    @pytest.mark.parametrize(("service", "name", "function"), RPCS)
    def test_refuses_who_may_not(self, call, sign, service, name, function):
        told = inspect.getdoc(function)
        needed = set(NEEDS.findall(told))
        nothing = sign([])
        all_but = sign([each for each in EVERYTHING if each not in needed])
        if "For the operator only" in told:
            expected = {"operator_only"}
        elif needed:
            expected = {"permission_missing"}
        else:
            assert f"{service}.{name}" in SIGNED_IN
            return

        assert {call(service, name, function, nothing)} == expected
        assert {call(service, name, function, all_but)} == expected

    @pytest.mark.parametrize(("service", "name", "function"), RPCS)
    def test_refuses_who_says_nothing_or_the_wrong_thing(
        self, call, sign, service, name, function
    ):
        of_another_service = sign(["*"], principal="notify")

        assert call(service, name, function, None) == "token_missing"
        assert call(service, name, function, of_another_service) == "token_invalid"

    def test_that_needs_nothing_is_there(self):
        assert {each.id for each in RPCS} >= SIGNED_IN


def fill(path):
    return re.sub(r"\{\w+\}", new_id(), path)


class TestEveryRoute:
    def test_is_closed_but_for_those_that_are_listed(self):
        open_ones = {
            (route.method, route.path)
            for (route,) in (each.values for each in ROUTES)
            if route.policy.is_public
        }

        assert open_ones == PUBLIC

    @pytest.mark.parametrize("route", ROUTES)
    def test_asks_who_is_there(self, client, route):
        if route.policy.is_public:
            return
        client.token = None
        code, answer, headers = client(route.method.upper(), fill(route.path), {})

        assert (code, answer["code"]) == (401, "token_missing")
        assert headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("route", ROUTES)
    def test_refuses_who_may_not(self, client, sign, route):
        if route.policy.permission is None:
            return
        needed = route.policy.permission
        for grants in ([], [each for each in EVERYTHING if each != needed]):
            client.token = sign(grants)
            code, answer, _ = client(route.method.upper(), fill(route.path), {})

            assert (code, answer["code"]) == (403, "permission_missing")
            assert needed in answer["detail"]

    @pytest.mark.parametrize("route", ROUTES)
    def test_needs_what_can_be_granted(self, route):
        assert route.policy.permission in {None, *EVERYTHING}


class World:
    """One record of each kind, in an organization of its own."""

    def __init__(self, client, until):
        self.client = client
        lead = self._make("leads", company="Foo")
        assert client("POST", f"/v1/leads/{lead}/qualify")[0] == 200
        code, made, _ = client("POST", f"/v1/leads/{lead}/convert", {})
        assert code == 200
        self.ids = {
            "account": made["account_id"],
            "contact": made["contact_id"],
            "opportunity": made["opportunity_id"],
            "lead": self._make("leads", company="Bar"),
            "interaction": self._make(
                "interactions",
                type="note",
                subject="x",
                occurred_at="2026-01-31T09:30:00Z",
                account_id=made["account_id"],
            ),
            "role": self._make("roles", key="helper", name="Helper", grants={}),
            "access_token": self._make(
                "access-tokens", name="Import", scope=["leads:read"]
            ),
            "delivery": until(self._delivery)["id"],
            "owner": client("GET", "/v1/me")[1]["id"],
            "parent": made["account_id"],
        }

    def _make(self, plural, **payload):
        code, made, _ = self.client("POST", f"/v1/{plural}", payload)
        assert code == 201, made
        return made["id"]

    def _delivery(self):
        rows = self.client("GET", "/v1/deliveries")[1]["data"]
        return rows and rows[0]

    def versions(self):
        """What is there, and at which version."""
        plurals = ("accounts", "contacts", "interactions", "leads", "opportunities")
        return {
            plural: sorted(
                (each["id"], each["version"])
                for each in self.client("GET", f"/v1/{plural}")[1]["data"]
            )
            for plural in (*plurals, "roles")
        } | {"tokens": self.client("GET", "/v1/access-tokens")[1]}

    def position(self):
        return self.client("GET", "/v1/events?after=latest")[1]["page"]["position"]


@pytest.fixture(scope="module")
def theirs(newcomer):
    from waiting import until  # noqa: PLC0415

    return World(newcomer(), until)


@pytest.fixture(scope="module")
def ours(newcomer):
    return newcomer()


WITH_IDS = [each for each in ROUTES if "{" in each.values[0].path]
BODIES = [
    pytest.param(route, name, id=f"{route.name}-{name}")
    for (route,) in (each.values for each in ROUTES)
    if route.method in {"post", "patch"}
    for name in ("account_id", "contact_id", "parent_id", "owner_id")
]


def example_of(route):
    operation = DOCUMENT["paths"][route.path][route.method]
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("example")


def properties_of(route):
    """The names that the body of a request may have."""
    operation = DOCUMENT["paths"][route.path][route.method]
    content = operation.get("requestBody", {}).get("content", {})
    part = content.get("application/json", {}).get("schema", {})
    while "$ref" in part:
        found = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part.get("properties", {}).keys()


class TestAnotherOrganization:
    @pytest.mark.parametrize("route", WITH_IDS)
    def test_has_nothing_that_is_found_by_its_id(self, ours, theirs, route):
        if route.policy.is_public:
            return
        nouns = re.findall(r"\{(\w+)_id\}", route.path)
        assert nouns, f"say in World what {route.path} is about"
        path = route.path
        for noun in nouns:
            path = path.replace(f"{{{noun}_id}}", theirs.ids[noun])
        before, position = theirs.versions(), theirs.position()
        code, answer, _ = ours(route.method.upper(), path, example_of(route) or {})

        assert (code, answer["code"][-10:]) == (404, "_not_found"), answer
        assert theirs.versions() == before
        assert theirs.position() == position

    @pytest.mark.parametrize(("route", "name"), BODIES)
    def test_has_nothing_that_can_be_referred_to(self, ours, theirs, route, name):
        if name not in properties_of(route) or example_of(route) is None:
            return
        own = World.__new__(World)
        own.client = ours
        path = route.path
        for noun in re.findall(r"\{(\w+)_id\}", route.path):
            made = {"account": {"name": "A"}, "contact": {"last_name": "A"}}
            made["lead"] = {"company": "A"}
            made["interaction"] = {
                "type": "note",
                "subject": "A",
                "occurred_at": "2026-01-31T09:30:00Z",
                "account_id": own._make("accounts", name="A"),
            }
            found = own._make(f"{noun}s", **made[noun])
            path = path.replace(f"{{{noun}_id}}", found)
            if route.name == "convert_lead":
                assert ours("POST", f"/v1/leads/{found}/qualify")[0] == 200
        noun = name.removesuffix("_id")
        payload = {name: theirs.ids[noun]}
        if route.method == "post":
            example = {
                key: value
                for key, value in example_of(route).items()
                if not key.endswith("_id")
            }
            if route.name == "create_interaction" and name != "account_id":
                example["account_id"] = own._make("accounts", name="A")
            payload = example | payload
        code, answer, _ = ours(route.method.upper(), path, payload)

        assert code == 422, (payload, answer)
        assert name in {each["field"] for each in answer["errors"]}

    @pytest.mark.parametrize(
        "plural", ["accounts", "contacts", "interactions", "leads", "opportunities"]
    )
    def test_is_not_in_lists(self, ours, theirs, plural):
        noun = "opportunity" if plural == "opportunities" else plural[:-1]
        for query in (
            f"filter[id]={theirs.ids[noun]}",
            f"filter[id][in]={theirs.ids[noun]}",
            f"filter[owner_id]={theirs.ids['owner']}",
        ):
            code, answer, _ = ours("GET", f"/v1/{plural}?{query}")

            assert (code, answer["data"]) == (200, [])

    @pytest.mark.parametrize("plural", ["accounts", "contacts", "interactions"])
    @pytest.mark.parametrize("operation", ["update", "delete"])
    def test_is_not_changed_by_batches(self, ours, theirs, plural, operation):
        before = theirs.versions()
        row = {"op": operation, "id": theirs.ids[plural[:-1]], "data": {}}
        if operation == "delete":
            del row["data"]
        code, answer, _ = ours("POST", f"/v1/{plural}/batch", {"operations": [row]})

        assert code == 200, answer
        assert [each["status"] for each in answer["results"]] == [404], answer
        assert theirs.versions() == before

    def test_is_not_in_the_feed(self, ours, theirs):
        _, answer, _ = ours("GET", "/v1/events?after=0&limit=200")
        seen = {each["aggregate"]["id"] for each in answer["data"]}

        assert seen.isdisjoint(theirs.ids.values())


def test_routes_of_resources_are_asked_about():
    """The two lists are of the same routes."""
    assert {name.partition(".")[2] for name, _ in resource_views()} <= {
        each.id for each in ROUTES
    }
