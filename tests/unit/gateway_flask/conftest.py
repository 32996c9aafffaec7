import json
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from jwt.algorithms import ECAlgorithm

from chassis.key_set import KeySet
from chassis.rpc_client import Reply
from chassis.signer import Signer
from gateway_flask.app import create_app
from gateway_flask.limits import Verdict
from gateway_flask.settings import Settings

ORG_ID = "0190a0b0-0000-7000-8000-00000000000a"
PERSON_ID = "0190a0b0-0000-7000-8000-00000000000b"


class FakeBus:
    """Answers from a table and remembers what it was asked."""

    def __init__(self):
        self.answers = {}
        self.reply_headers = {}
        self.calls = []
        self.is_connected = True
        self.states = {}

    def call(self, service, method, *, kwargs, context, timeout_s):
        self.calls.append((f"{service}.{method}", kwargs, context, timeout_s))
        answer = self.answers.get(f"{service}.{method}", {})
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, self.reply_headers)

    def begin(self, service, method, **terms):
        bus = self

        class Pending:
            settled_at = 0.0

            def result(self):
                return bus.call(service, method, **terms)

        return Pending()

    def breakers(self):
        return self.states

    def close(self):
        self.is_connected = False


class FakeLimiter:
    def __init__(self):
        self.charges = []
        self.verdict = Verdict(limit=10, remaining=9, reset_s=1)
        self.refusal = None
        self.is_there = True

    def check(self, charges, watched=None):
        self.charges.append(list(charges))
        self.watched = watched
        if self.refusal is not None:
            raise self.refusal
        return None if charges[0].limit == "none" else self.verdict

    def ping(self):
        return self.is_there


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    private = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path_factory.mktemp("keys") / "signing_key.pem"
    path.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    jwk = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    ours = {"kid": "auth-1", "rapport_issuer": "auth", "rapport_grants": ["*"]}
    keys = KeySet({"keys": [{**jwk, **ours}]}, "http://127.0.0.1:8000")
    return Signer(path, keys), keys


@pytest.fixture
def make_token(signer):
    def make(grants=None, lifetime_s=60, subject=PERSON_ID, org_id=ORG_ID):
        return signer[0].sign(
            subject=subject,
            org_id=org_id,
            grants={"*": "all"} if grants is None else grants,
            lifetime_s=lifetime_s,
        )

    return make


@pytest.fixture(scope="session")
def settings(signer):
    return Settings(
        amqp_uri="",
        # Nobody listens there, which is as good as a Redis that is away.
        redis_state_url="redis://127.0.0.1:1",
        redis_cache_url="redis://127.0.0.1:1",
        keys=signer[1],
        limits={},
    )


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def limiter():
    return FakeLimiter()


class Current:
    """Whatever the test at hand has of this kind."""

    own = None

    def __getattr__(self, name):
        return getattr(self.own, name)


@pytest.fixture(scope="session")
def current():
    """Bus and limiter of whichever test is run."""
    return SimpleNamespace(bus=Current(), limiter=Current())


@pytest.fixture(autouse=True)
def _at_hand(current, bus, limiter):
    current.bus.own, current.limiter.own = bus, limiter


@pytest.fixture(scope="session")
def _app(settings, current):
    return create_app(settings, bus=current.bus, limiter=current.limiter)


@pytest.fixture
def app(_app):
    """The same for all tests, as it takes a while to make one."""
    return _app


@pytest.fixture
def new_app(settings, bus, limiter):
    """For tests of what it remembers."""
    return create_app(settings, bus=bus, limiter=limiter)


@pytest.fixture
def anonymous(app):
    return app.test_client()


@pytest.fixture
def client(app, make_token):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token()}"
    return client
