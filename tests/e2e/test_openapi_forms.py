"""What the description says of pages, and of how applications ask for tokens."""

from types import SimpleNamespace

import pytest
import requests
from applications import REDIRECT, VERIFIER, App, bearer
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from browsers import Browser
from descriptions import check_answer, example_of, operations
from letters import links_to
from waiting import until

pytestmark = pytest.mark.e2e

FORM = "application/x-www-form-urlencoded"
OPERATIONS = [
    pytest.param(*each, id=each[2]["operationId"])
    for each in operations("account_pages", "device_pages", "oauth", "sign_in")
]
# What anybody may ask for without having been given anything.
BARE = {
    "get_provider",
    "get_provider_2",
    "show_forgot_password_page",
    "show_new_password_page",
    "show_verify_email_page",
}


@pytest.fixture
def world(status, newcomer, owner, app, register):
    """What operations of these kinds need to be there."""

    def link(path, payload, page):
        somebody = newcomer()
        filled = payload and dict.fromkeys(payload, somebody.email)
        assert somebody("POST", path, filled)[0] == 202
        ((_, token),) = until(lambda: links_to(status, somebody.email, page))
        return {"token": token}

    def invited():
        email = f"{newcomer().email}.test"
        payload = {"email": email, "roles": ["analyst"]}
        assert owner("POST", "/v1/invitations", payload)[0] == 201
        ((_, token),) = until(lambda: links_to(status, email))
        return {"token": token}

    return SimpleNamespace(
        address=status["gateway"],
        owner=owner,
        app=app,
        register=register,
        verification=lambda: link("/v1/me/email-verification", None, "verify-email"),
        reset=lambda: link("/v1/auth/password-reset", {"email": ""}, "new-password"),
        invitation=invited,
    )


def asking(app):
    return {
        "response_type": "code",
        "client_id": app.client["client_id"],
        "redirect_uri": REDIRECT,
        "scope": "openid contacts:read",
        "code_challenge": create_s256_code_challenge(VERIFIER),
    }


def of_application(world, name, example):
    """Form, or JSON, and credentials for an endpoint of applications."""
    own = (world.app.client["client_id"], world.app.client["client_secret"])
    if name == "exchange_grant":
        found = {"code": world.app.code(), "redirect_uri": REDIRECT}
        return {"data": {**example, **found, "code_verifier": VERIFIER}, "auth": own}
    if name == "begin_device_authorization":
        return {"data": example, "auth": own}
    if name in {"introspect_grant", "revoke_grant"}:
        token = world.app.tokens()["access_token"]
        return {"data": {**example, "token": token}, "auth": own}
    if name == "register_oauth_client":
        return {"json": example, "headers": bearer(world.owner.token)}
    return {"headers": bearer(world.app.tokens()["access_token"])}


def of_page(world, name, path, example):
    """Query and fields of a page, which was opened in a browser before."""
    browser = Browser(world.address)
    if name in {"sign_in_browser", "decide_authorization"}:
        browser.go(world.app.ask(scope="openid contacts:read")[0])
        if name == "decide_authorization":
            browser.submit(**world.owner.credentials)
        action, fields = browser.form()
        typed = {**example, **fields, **world.owner.credentials}
        return browser, action, {**typed, "decision": "allow"}
    if "_device_" in name or name == "sign_in_browser_page":
        return of_device(world, browser, name)
    query = {
        "accept_invitation_page": world.invitation,
        "confirm_password_reset_page": world.reset,
        "preview_invitation_page": world.invitation,
        "verify_email_page": world.verification,
    }.get(name, dict)()
    address = requests.Request("GET", f"{world.address}{path}", params=query)
    browser.go(address.prepare().url)
    action, fields = browser.form()
    return browser, action, {**example, **{n: v for n, v in fields.items() if v}}


def of_device(world, browser, name):
    """The same of a page for who lets a device in."""
    browser.go(world.app.begin_device()["verification_uri_complete"])
    action, fields = browser.form()
    if name == "sign_in_browser_page":
        return browser, action, {**fields, **world.owner.credentials}
    browser.submit(**world.owner.credentials)
    action, fields = browser.form()
    return browser, action, {**fields, "decision": "allow"}


def answered(world, method, path, operation):
    """The answer to what the example shows, with what is there in its place."""
    name, address = operation["operationId"], f"{world.address}{path}"
    (media_type,) = operation.get("requestBody", {}).get("content", {None: {}})
    example = example_of(operation, media_type) if media_type else {}
    ask = requests.Session()
    if name in BARE:
        given = {}
    elif name.startswith("begin_authorization"):
        where = "params" if method == "get" else "data"
        given = {where: {**example, **asking(world.app)}}
        given[where]["code_challenge_method"] = "S256"
    elif "oauth" in operation["tags"]:
        given = of_application(world, name, example)
    else:
        browser, address, fields = of_page(world, name, path, example)
        ask = browser.session
        given = {"data": fields} if method == "post" else {}
    return ask.request(method, address, timeout=20, allow_redirects=False, **given)


class TestExamples:
    @pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
    def test_are_answered_as_described(self, world, method, path, operation):
        answer = answered(world, method, path, operation)

        assert answer.status_code in {200, 201, 303}, answer.text
        check_answer(operation, answer.status_code, answer.headers, answer.text)


class TestRefusals:
    @pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
    def test_are_those_that_are_described(self, world, method, path, operation):
        address = f"{world.address}{path}"
        odd = ("get", "put", "delete", "trace") if method == "post" else ("put",)
        told = [requests.request(each, address, timeout=20) for each in odd]
        twice = f"{address}?x=1&x=2"
        told += [
            requests.request(method, twice, timeout=20),
            requests.request(method, address, data="{", timeout=20),
        ]
        refused = [each for each in told if each.status_code >= 400]

        assert refused
        for each in refused:
            check_answer(operation, each.status_code, each.headers, each.text)

    def test_are_in_the_words_of_the_standard(self, world):
        app = App(world.app.provider, world.register(), None, None)
        status, answer = app.exchange(grant_type="password")

        assert (status, answer["error"]) == (400, "unsupported_grant_type")
