import os
import time
from contextlib import suppress

import pytest
import requests
from applications import DEVICE_GRANT, REDIRECT, SCOPE, App
from browsers import Browser
from waiting import until

DAY_S = 86_400


@pytest.fixture(autouse=True, scope="session")
def _plain_http():
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    yield
    del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


@pytest.fixture(autouse=True)
def _not_at_midnight():
    """What a test did today it did today still when it looks."""
    until(lambda: DAY_S - time.time() % DAY_S > 30, within_s=60)


@pytest.fixture
def _all_are_back(status):
    """Nobody who lost a connection by this test is still away in the next one."""
    yield
    address = f"{status['gateway']}/health/ready"

    def all_is_well():
        with suppress(requests.ConnectionError):
            return requests.get(address, timeout=20).json()["status"] == "ok"

    until(all_is_well, within_s=60)


@pytest.fixture(scope="module")
def owner(newcomer):
    return newcomer()


@pytest.fixture(scope="module")
def provider(status):
    address = f"{status['gateway']}/.well-known/openid-configuration"
    return requests.get(address, timeout=20).json()


@pytest.fixture
def register(owner):
    def make(**terms):
        payload = {
            "name": "Mail merge",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token", DEVICE_GRANT],
            "scope": SCOPE,
            **terms,
        }
        code, made, _ = owner("POST", "/v1/oauth-clients", payload)
        assert code == 201, made
        return made

    return make


@pytest.fixture(scope="module")
def browser(provider):
    """The owner's, so that not every test is a login of the few in a minute."""
    return Browser(provider["issuer"])


@pytest.fixture
def app(register, provider, owner, browser):
    return App(provider, register(), owner.credentials, browser)
