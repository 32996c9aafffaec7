"""Who may do what, asked of every RPC and every route there is."""

import copy
import inspect
import re
from pathlib import Path

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR
from routes import resource_views

from chassis.errors import ForbiddenError, WireError
from chassis.ids import keyed_operation_id, new_id
from chassis.key_set import KeySet
from chassis.roles import service_class
from chassis.rpc import Rpc
from chassis.rpc_client import RpcClient
from chassis.signer import Signer
from stack.openapi.routes import routes
from stack.principals import SERVICES
from svc_auth.domain.roles import PERMISSIONS

pytestmark = pytest.mark.e2e

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
    "auth.begin_totp",
    "auth.change_password",
    "auth.confirm_totp",
    "auth.create_access_token",
    "auth.get_me",
    "auth.get_second_factor",
    "auth.get_userinfo",
    "auth.list_access_tokens",
    "auth.list_my_orgs",
    "auth.list_sessions",
    "auth.remove_totp",
    "auth.renew_access_token",
    "auth.replace_recovery_codes",
    "auth.request_email_change",
    "auth.request_email_verification",
    "auth.revoke_access_token",
    "auth.revoke_other_sessions",
    "auth.revoke_session",
    "auth.switch_org",
    "auth.transfer_org",
    "auth.update_me",
    # Whether an id is a member's or a team's tells nothing else of them.
    "auth.find_members",
    "auth.find_teams",
    # It needs to read the resource that is asked for.
    "customer.list_tags",
    # One's own jobs; an undoing changes what the caller may change.
    "customer.cancel_bulk_update",
    "customer.get_bulk_update",
    "customer.list_bulk_update_conflicts",
    "customer.list_bulk_updates",
    "customer.undo_bulk_update",
    "customer.undo_operation",
    # They answer with what the caller may read of each kind.
    "customer.search_records",
    "sales.search_records",
}
# What needs no token: how one gets in, and what processes ask each other.
OPEN = {
    *(f"{service}.check_health" for service in SERVICES),
    "auth.accept_invitation",
    "auth.begin_authorization",
    "auth.begin_device_authorization",
    "auth.begin_device_verification",
    "auth.decide_device",
    "auth.confirm_password_reset",
    "auth.decide_authorization",
    "auth.exchange_access_token",
    "auth.exchange_grant",
    "auth.get_jwks",
    "auth.get_provider",
    "auth.introspect_grant",
    "auth.list_revocations",
    "auth.list_rights_changes",
    "auth.login",
    "auth.logout",
    "auth.preview_invitation",
    "auth.refresh_session",
    "auth.register_org",
    "auth.request_password_reset",
    "auth.revoke_grant",
    "auth.sign_in_browser",
    "auth.verify_email",
}
# The same of routes, as the interface promises.
PUBLIC = {
    ("get", "/.well-known/jwks.json"),
    ("get", "/.well-known/oauth-authorization-server"),
    ("get", "/.well-known/openid-configuration"),
    *(
        (method, f"/account/{page}")
        for method in ("get", "post")
        for page in ("forgot-password", "invitation", "new-password", "verify-email")
    ),
    ("get", "/docs"),
    ("get", "/docs/assets/{name}"),
    ("get", "/docs/reference"),
    ("get", "/docs/reference/{resource}"),
    ("get", "/problems"),
    ("get", "/problems/{code}"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
    ("get", "/oauth/authorize"),
    ("get", "/oauth/device"),
    ("post", "/oauth/device"),
    ("post", "/oauth/device/sign-in"),
    ("post", "/oauth/device_authorization"),
    ("post", "/oauth/authorize"),
    ("post", "/oauth/consent"),
    ("post", "/oauth/introspect"),
    ("post", "/oauth/revoke"),
    ("post", "/oauth/sign-in"),
    ("post", "/oauth/token"),
    ("get", "/openapi.json"),
    ("post", "/v1/auth/invitations/accept"),
    ("post", "/v1/auth/invitations/preview"),
    ("post", "/v1/auth/login"),
    ("post", "/v1/auth/password-reset"),
    ("post", "/v1/auth/password-reset/confirm"),
    ("post", "/v1/auth/verify-email"),
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
                if isinstance(entrypoint, Rpc):
                    case = pytest.param(service, name, function, id=f"{service}.{name}")
                    yield entrypoint.is_public, case


RPCS = [case for is_public, case in rpcs() if not is_public]
ROUTES = [pytest.param(each, id=each.name) for each in routes()]
CLOSED = [each for each in ROUTES if not each.values[0].policy.is_public]
PERMITTED = [each for each in CLOSED if each.values[0].policy.permission]
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

    def call(service, name, function, token, **context):
        wanted = list(inspect.signature(function).parameters)[1:]
        kwargs = {each: ARGUMENTS.get(each, new_id()) for each in wanted}
        if token is not None:
            context["auth_token"] = token
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
            KeySet.load(secrets / principal / "jwks.json", status["gateway"]),
        )
        return signer.sign(
            subject=subject or new_id(),
            org_id=org_id or new_id(),
            grants=dict.fromkeys(grants, "all"),
            lifetime_s=300,
        )

    return sign


def needed_by(function):
    """The permissions that a docstring names, and the refusal without them."""
    told = inspect.getdoc(function)
    if "For the operator only" in told:
        return set(), "operator_only"
    needed = set(NEEDS.findall(told))
    return needed, "permission_missing" if needed else None


GUARDED = [each for each in RPCS if needed_by(each.values[2])[1]]


class TestEveryRpc:
    def test_is_guarded_but_for_those_that_are_listed(self):
        public = {case.id for is_public, case in rpcs() if is_public}

        assert public == OPEN
        assert {each.id for each in RPCS} - {each.id for each in GUARDED} == SIGNED_IN

    @pytest.mark.parametrize(("service", "name", "function"), GUARDED)
    def test_refuses_who_may_not(self, call, sign, service, name, function):
        needed, expected = needed_by(function)
        held = [[], *([each for each in EVERYTHING if each != one] for one in needed)]
        tokens = [sign(each) for each in held]
        # A service cannot grant itself what its key may not.
        tokens.append(sign(["*"], "analytics", "service:analytics"))
        # With a key, something would be remembered.
        keyed = keyed_operation_id(new_id(), new_id(), "1")

        for token in tokens:
            assert call(service, name, function, token) == expected
            assert call(service, name, function, token, operation_id=keyed) == expected

    @pytest.mark.parametrize(("service", "name", "function"), RPCS)
    def test_refuses_who_says_nothing_or_the_wrong_thing(
        self, call, sign, service, name, function
    ):
        assert call(service, name, function, None) == "token_missing"
        for principal in ("notify", "operator"):
            token = sign(["*"], principal)

            assert call(service, name, function, token) == "token_invalid"


class TestRightsThatWereLost:
    def test_give_no_remembered_answer_again(self, bus, sign):
        person, org = new_id(), new_id()
        keyed = keyed_operation_id(org, person, "1")

        def create(*grants):
            token = sign(grants, subject=person, org_id=org)
            return bus.call(
                "sales",
                "create_lead",
                kwargs={"payload": {"company": "Foo"}},
                context={"auth_token": token, "operation_id": keyed},
                timeout_s=10,
            )

        first, again = create("leads:write"), create("leads:write")
        assert first.result == again.result
        assert again.headers["rapport.replayed"]

        with pytest.raises(ForbiddenError, match="permission_missing"):
            create("leads:read")


class TestWhoIsSignedInOnly:
    """What needs no permission shows what the caller may see, and no more."""

    @pytest.fixture
    def member(self, client, sign):
        """A client of the same organization, with certain rights."""
        org = client("GET", "/v1/me")[1]["org_id"]

        def member(*grants):
            other = copy.copy(client)
            other.token = sign(grants, org_id=org)
            return other

        return member

    def test_sees_nothing_without_rights(self, client, member, until):
        word = f"w{new_id()[-12:]}"
        client("POST", "/v1/leads", {"company": word})
        client("POST", "/v1/accounts", {"name": word})

        def events(who):
            answer = who("GET", "/v1/events?after=0")[1]["data"]
            return {each["event"] for each in answer}

        until(
            lambda: {"sales.lead_created", "customer.account_created"} < events(client)
        )
        path = f"/v1/search?q={word}"
        seller, nobody = member("leads:read"), member()

        assert len(client("GET", path)[1]["hits"]) == 2
        assert [each["type"] for each in seller("GET", path)[1]["hits"]] == ["lead"]
        assert nobody("GET", path)[1]["hits"] == []
        assert events(seller) == {"sales.lead_created"}
        assert events(nobody) == set()

    def test_sees_nothing_at_home_without_rights(self, member):
        _, home, _ = member()("GET", "/v1/home")

        assert {each["status"] for each in home["sections"].values()} == {"forbidden"}


@pytest.fixture(scope="module")
def visitor(newcomer):
    return newcomer()


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

    @pytest.mark.parametrize("route", CLOSED)
    def test_asks_who_is_there(self, visitor, route):
        visitor.token = None
        code, answer, headers = visitor(route.method.upper(), fill(route.path), {})

        assert (code, answer["code"]) == (401, "token_missing")
        assert headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("route", PERMITTED)
    def test_refuses_who_may_not(self, visitor, sign, route):
        needed = route.policy.permission
        for grants in ([], [each for each in EVERYTHING if each != needed]):
            visitor.token = sign(grants)
            code, answer, _ = visitor(route.method.upper(), fill(route.path), {})

            assert (code, answer["code"]) == (403, "permission_missing")
            assert needed in answer["detail"]

    @pytest.mark.parametrize("route", PERMITTED)
    def test_needs_what_can_be_granted(self, route):
        assert route.policy.permission in EVERYTHING


def test_routes_of_resources_are_asked_about():
    """The two lists are of the same routes."""
    assert {name.partition(".")[2] for name, _ in resource_views()} <= {
        each.id for each in ROUTES
    }
