"""Tokens while everything runs: revoked everywhere, and signed by new keys."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jwt
import pytest
import requests
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from following import Stream
from joserfc.jwk import KeySet

from chassis.errors import UnauthenticatedError, WireError
from chassis.rpc_client import RpcClient

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
# One RPC of each service, and what it needs.
RPCS = {
    "auth": ("get_me", {}),
    "customer": ("list_contacts", {"query": {}}),
    "sales": ("list_leads", {"query": {}}),
    "analytics": ("list_events", {"query": {}}),
    "notify": ("list_deliveries", {"query": {}}),
}
# As promised; two processes of the gateway take turns to answer.
EFFECTIVE_S = 2.0
TRIES = 8


@pytest.fixture(scope="module")
def bus(status):
    """Calls a service past the gateway, as somebody with a token."""
    client = RpcClient(status["amqp_uri"], "operator")

    def call(service, token):
        method, kwargs = RPCS[service]
        return client.call(
            service,
            method,
            kwargs=kwargs,
            context={"auth_token": token},
            timeout_s=5,
        ).result

    yield call
    client.close()


@pytest.fixture
def shoot(processes):
    def kill(name):
        pid = processes()[name]["pid"]
        if name == "gateway":
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            pids = [int(each) for each in children]
        else:
            pids = [pid]
        for each in pids:
            os.kill(each, signal.SIGKILL)

    return kill


def me(client, token):
    """The status and, if refused, the code of a request with a token."""
    code, answer, _ = client("GET", "/v1/me", Authorization=f"Bearer {token}")
    return code, answer.get("code")


def refresh(client, refresh_token):
    return client("POST", "/v1/auth/refresh", {"refresh_token": refresh_token})


def logout(client):
    code, _, _ = client(
        "POST", "/v1/auth/logout", {"refresh_token": client.tokens["refresh_token"]}
    )
    assert code == 204


def is_refused(bus, service, token):
    try:
        bus(service, token)
    except UnauthenticatedError as error:
        return error.code == "token_revoked"
    return False


def are_all_refused(client, token):
    return all(me(client, token) == (401, "token_revoked") for _ in range(TRIES))


class TestClaims:
    def test_are_all_that_rfc_9068_wants(self, client, status):
        """By Authlib, which knows nothing of ours."""
        issuer = status["gateway"]
        keys = requests.get(f"{issuer}/.well-known/jwks.json", timeout=20).json()
        validator = JWTBearerTokenValidator(issuer=issuer, resource_server="rapport")
        validator.get_jwks = lambda: KeySet.import_key_set(keys)
        claims = validator.authenticate_token(client.token)
        validator.validate_token(claims, [], None)

        assert claims["sub"] == client("GET", "/v1/me")[1]["id"]
        assert "scope" not in claims


class TestRevocation:
    def test_reaches_every_process_in_time(
        self, client, bus, until, record_testsuite_property
    ):
        token = client.token
        assert me(client, token)[0] == 200
        for service in RPCS:
            bus(service, token)

        logout(client)
        ended = time.monotonic()
        until(lambda: are_all_refused(client, token), pause_s=0.01)
        at_the_gateway = time.monotonic() - ended
        for service in RPCS:
            until(lambda: is_refused(bus, service, token), pause_s=0.01)  # noqa: B023
        everywhere = time.monotonic() - ended

        record_testsuite_property("at_the_gateway_s", round(at_the_gateway, 3))
        record_testsuite_property("everywhere_s", round(everywhere, 3))
        assert at_the_gateway < EFFECTIVE_S
        assert everywhere < EFFECTIVE_S

    def test_is_the_same_when_done_twice(self, client):
        logout(client)
        logout(client)

        code, answer, _ = refresh(client, client.tokens["refresh_token"])
        assert (code, answer["code"]) == (401, "refresh_token_invalid")

    def test_leaves_another_session_alone(self, client):
        _, other, _ = client("POST", "/v1/auth/login", client.credentials)
        logout(client)

        assert me(client, other["access_token"])[0] == 200
        assert refresh(client, other["refresh_token"])[0] == 200

    def test_ends_a_session_whose_refresh_token_comes_twice(self, client, until):
        stolen = client.tokens["refresh_token"]
        _, fresh, _ = refresh(client, stolen)
        code, answer, _ = refresh(client, stolen)
        assert (code, answer["code"]) == (401, "refresh_token_reused")

        until(lambda: are_all_refused(client, fresh["access_token"]), EFFECTIVE_S)
        assert refresh(client, fresh["refresh_token"])[0] == 401

    def test_ends_open_streams(self, client, status):
        with Stream(status["gateway"], client.token) as stream:
            logout(client)
            began = time.monotonic()
            blocks = list(stream)

        assert time.monotonic() - began < EFFECTIVE_S
        assert blocks[-1].keys() == {"retry"}

    @pytest.mark.parametrize("victim", ["gateway", "customer-rpc-1"])
    def test_survives_a_killed_process(self, client, bus, shoot, until, victim):
        token = client.token
        logout(client)
        until(lambda: is_refused(bus, "customer", token))
        shoot(victim)

        def is_back():
            try:
                return client("GET", "/v1/contacts", Authorization="Bearer x")[0] == 401
            except OSError:
                return False

        until(is_back)

        def is_still_refused():
            try:
                return is_refused(bus, "customer", token) and are_all_refused(
                    client, token
                )
            except (WireError, OSError):
                return False

        until(is_still_refused, within_s=10)


class Load:
    """Reads with the newest token, and refreshes it, as fast as it can."""

    def __init__(self, client):
        self._client = client
        self._tokens = client.tokens
        self._stopping = threading.Event()
        self.kids = []
        self.requests = 0
        self.failures = []
        self._threads = [
            threading.Thread(target=self._run, args=(step,))
            for step in (self._read, self._read, self._refresh)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, step):
        while not self._stopping.wait(0.02):
            step()
            self.requests += 1

    def _note(self, answer, expected=200):
        if answer[0] != expected:
            self.failures.append(answer)
        return answer

    def _read(self):
        bearer = f"Bearer {self._tokens['access_token']}"
        self._note(
            self._client("GET", "/v1/contacts?fields=id", Authorization=bearer)[:2]
        )

    def _refresh(self):
        code, tokens, _ = refresh(self._client, self._tokens["refresh_token"])
        self._note((code, tokens))
        if code == 200:
            self._tokens = tokens
            self.kids.append(kid(tokens["access_token"]))


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


@pytest.fixture
def keys(status):
    """``keys("rotate", "--after", "2")``, as an operator types it."""
    environment = {
        **os.environ,
        "RAPPORT_STATE_DIR": str(Path(status["mailbox"]).parent),
    }

    def run(*arguments):
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "stack.cli", "keys", *arguments, "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def rotated(keys):
    """Rotates, and retires what it made, so that all is as before."""
    made = []

    def rotate():
        known = {each["key_id"] for each in keys("list")}
        found = keys("rotate", "--after", "2")
        (new,) = [each for each in found if each["state"] == "announced"]
        assert new["key_id"] not in known
        made.append(new["key_id"])
        return new["key_id"]

    yield rotate
    for key_id in made:
        keys("retire", key_id)


class TestRotation:
    def test_fails_no_request(
        self, newcomer, rotated, record_testsuite_property, until
    ):
        client, before = newcomer(), newcomer()
        with Load(client) as load:
            until(lambda: len(load.kids) > 5)
            key_id = rotated()
            until(lambda: key_id in load.kids)
            count = len(load.kids)
            until(lambda: len(load.kids) > count + 5)
        record_testsuite_property("requests", load.requests)

        assert load.failures == []
        assert kid(before.token) != key_id == load.kids[-1]
        assert me(before, before.token)[0] == 200
        _, document, _ = client("GET", "/.well-known/jwks.json")
        assert {kid(before.token), key_id} <= {each["kid"] for each in document["keys"]}

    def test_is_known_to_a_process_that_starts_later(
        self, newcomer, rotated, shoot, bus, until
    ):
        key_id = rotated()
        token = until(lambda: kid((new := newcomer()).token) == key_id and new.token)
        shoot("sales-rpc-1")

        def is_taken():
            try:
                return bus("sales", token)
            except UnauthenticatedError:
                raise
            except WireError:
                return None

        assert until(is_taken)["data"] == []

    def test_can_be_taken_back(self, newcomer, rotated, keys, bus, until):
        client = newcomer()
        key_id = rotated()
        token = until(lambda: kid((new := newcomer()).token) == key_id and new.token)
        bus("customer", token)
        keys("retire", key_id)
        refused = (401, "token_invalid")

        until(lambda: all(me(client, token) == refused for _ in range(TRIES)), 2)
        until(lambda: is_unknown(bus, token), EFFECTIVE_S)
        assert me(client, client.token)[0] == 200
        assert kid(newcomer().token) != key_id


def is_unknown(bus, token):
    try:
        bus("customer", token)
    except UnauthenticatedError as error:
        return error.code == "token_invalid"
    return False
