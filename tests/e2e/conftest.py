import os

import pytest
import requests
from applications import DEVICE_GRANT, REDIRECT, SCOPE, App
from browsers import Browser


@pytest.fixture(autouse=True, scope="session")
def _plain_http():
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    yield
    del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


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
