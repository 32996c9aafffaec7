"""Devices without a browser are let in on another one (RFC 8628)."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests
from applications import DEVICE_GRANT, INVALID_GRANT, App, get
from browsers import Browser
from pymongo import MongoClient

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def database(status):
    """That of svc_auth, to look into and to let time pass in."""
    with MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client["rapport_auth"]


@pytest.fixture
def kept(database):
    """The row of a request, and how to change it."""

    def of(codes, **changes):
        name = hashlib.sha256(codes["device_code"].encode()).hexdigest()
        if changes:
            database["device_requests"].update_one({"_id": name}, {"$set": changes})
        return database["device_requests"].find_one({"_id": name})

    return of


def rested(kept, codes):
    """The codes, as if the device had waited as long as it was told to."""
    kept(codes, asked_at=None)
    return codes["device_code"]


def open_page(app, codes, address="verification_uri_complete"):
    """The page that is opened beside the device, once somebody is signed in."""
    if "Password" in app.browser.go(codes[address]).page.text:
        app.browser.submit(**app.credentials)
    return app.browser


def decide(app, codes, decision):
    return open_page(app, codes).submit(decision=decision).page


class TestDevices:
    def test_get_tokens_by_authlibs_client(self, app, provider, owner, kept):
        codes = app.begin_device()
        waiting = app.ask_for_device(codes["device_code"])
        assert (waiting[0], waiting[1]["error"]) == (400, "authorization_pending")
        said = decide(app, codes, "allow")
        assert "is let in" in said.text
        tokens = app.session.fetch_token(
            provider["token_endpoint"],
            grant_type=DEVICE_GRANT,
            device_code=rested(kept, codes),
        )
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})

        assert get(provider, "/v1/contacts", tokens["access_token"]) == 200
        assert get(provider, "/v1/leads", tokens["access_token"]) == 403
        assert claims["sub"] == owner("GET", "/v1/me")[1]["id"]
        assert claims["amr"] == ["pwd"]
        assert app.refresh(tokens["refresh_token"])[0] == 200

    def test_type_the_code_where_they_are_told_to(self, app):
        codes = app.begin_device()
        browser = open_page(app, codes, "verification_uri")
        assert "The code that the device shows" in browser.page.text
        typed = codes["user_code"].replace("-", " ").lower()
        address = f"{codes['verification_uri']}?user_code={typed}"

        assert codes["user_code"] in browser.go(address).page.text
        assert "Mail merge" in browser.page.text

    def test_are_asked_about_each_time(self, app):
        app.tokens()
        page = open_page(app, app.begin_device()).page

        assert "asks to act for you there" in page.text

    def test_can_do_without_a_secret(self, register, provider, owner, browser):
        client = register(
            token_endpoint_auth_method="none",  # noqa: S106
            grant_types=[DEVICE_GRANT],
            redirect_uris=[],
        )
        app = App(provider, client, owner.credentials, browser)
        form = {"client_id": client["client_id"], "scope": "contacts:read"}
        address = provider["device_authorization_endpoint"]
        codes = requests.post(address, form, timeout=20).json()
        decide(app, codes, "allow")
        form = {**form, "grant_type": DEVICE_GRANT, **codes}
        answer = requests.post(provider["token_endpoint"], form, timeout=20)

        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()

    def test_are_listed_and_ended_like_any_application(self, app, owner, until):
        codes = app.begin_device()
        decide(app, codes, "allow")
        _, tokens = app.ask_for_device(codes["device_code"])
        rows = owner("GET", "/v1/sessions")[1]["data"]
        (mine,) = [each for each in rows if each["client_id"] == app.client["id"]]
        assert owner("DELETE", f"/v1/sessions/{mine['id']}")[0] == 204

        until(lambda: get(app.provider, "/v1/contacts", tokens["access_token"]) == 401)


class TestAnswers:
    def test_have_what_the_standard_says(self, app, provider):
        address = provider["device_authorization_endpoint"]
        client = app.client["client_id"], app.client["client_secret"]
        form = {"scope": "openid"}
        answer = requests.post(address, form, auth=client, timeout=20)
        codes = answer.json()

        assert answer.headers["Cache-Control"] == "no-store"
        assert codes["expires_in"] == 600
        assert codes["interval"] == 5
        assert codes["verification_uri_complete"].startswith(codes["verification_uri"])
        assert DEVICE_GRANT in provider["grant_types_supported"]

    @pytest.mark.parametrize(
        ("terms", "form", "error"),
        [
            (
                {"grant_types": ["authorization_code"]},
                {"scope": "openid"},
                "unauthorized_client",
            ),
            ({}, {"scope": "leads:read"}, "invalid_scope"),
            ({}, {"client_id": "x"}, "invalid_request"),
        ],
    )
    def test_refuse_what_is_not_granted(self, register, provider, terms, form, error):
        client = register(**terms)
        answer = requests.post(
            provider["device_authorization_endpoint"],
            form,
            auth=(client["client_id"], client["client_secret"]),
            timeout=20,
        )

        assert (answer.status_code, answer.json()["error"]) == (400, error)

    def test_refuse_strangers(self, provider):
        address = provider["device_authorization_endpoint"]
        answer = requests.post(address, {"client_id": "nobody"}, timeout=20)

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


class TestPolling:
    def test_that_is_hasty_has_to_slow_down(self, app, kept):
        codes = app.begin_device()
        app.ask_for_device(codes["device_code"])
        status, answer = app.ask_for_device(codes["device_code"])
        assert (status, answer["error"]) == (400, "slow_down")
        assert kept(codes)["interval_s"] == 10

        for _ in range(20):
            app.ask_for_device(codes["device_code"])
        assert kept(codes)["interval_s"] == 60

    def test_ends_with_a_refusal(self, app, kept):
        codes = app.begin_device()
        assert "is not let in" in decide(app, codes, "deny").text
        status, answer = app.ask_for_device(rested(kept, codes))

        assert (status, answer["error"]) == (400, "access_denied")

    @pytest.mark.parametrize("decision", [None, "allow"])
    def test_ends_after_ten_minutes(self, app, kept, decision):
        codes = app.begin_device()
        if decision:
            decide(app, codes, decision)
        left = kept(codes)["expires_at"] - datetime.now(tz=UTC)
        kept(codes, expires_at=datetime.now(tz=UTC) - timedelta(seconds=1))
        status, answer = app.ask_for_device(codes["device_code"])

        assert timedelta(minutes=9) < left <= timedelta(minutes=10)
        assert (status, answer["error"]) == (400, "expired_token")

    @pytest.mark.parametrize("code", ["", "x", "x" * 5_000])
    def test_with_what_is_no_code_is_refused(self, app, code):
        assert app.ask_for_device(code) == (400, INVALID_GRANT)


class TestAttacks:
    def test_with_a_code_of_another_application_get_nothing(self, app, register):
        codes = app.begin_device()
        decide(app, codes, "allow")

        assert app.ask_for_device(codes["device_code"], register()) == (
            400,
            INVALID_GRANT,
        )
        assert app.ask_for_device(codes["device_code"])[0] == 200

    def test_with_a_code_that_was_used_end_what_it_gave(self, app, until):
        codes = app.begin_device()
        decide(app, codes, "allow")
        _, tokens = app.ask_for_device(codes["device_code"])
        assert app.ask_for_device(codes["device_code"]) == (400, INVALID_GRANT)

        until(lambda: get(app.provider, "/v1/contacts", tokens["access_token"]) == 401)
        assert app.refresh(tokens["refresh_token"]) == (400, INVALID_GRANT)

    def test_by_many_at_once_get_tokens_once(self, app):
        codes = app.begin_device()
        decide(app, codes, "allow")
        with ThreadPoolExecutor(6) as pool:
            asked = [
                pool.submit(app.ask_for_device, codes["device_code"]) for _ in range(6)
            ]
            answers = [each.result() for each in asked]
        won = [tokens for status, tokens in answers if status == 200]

        assert len(won) <= 1
        for tokens in won:
            assert app.refresh(tokens["refresh_token"])[0] == 400

    def test_on_a_code_that_is_decided_change_nothing(self, app, kept):
        codes = app.begin_device()
        open_page(app, codes)
        action, fields = app.browser.form()
        app.browser.go(action, {**fields, "decision": "deny"})
        app.browser.go(action, {**fields, "decision": "allow"})

        assert app.browser.page.status_code == 400
        assert "not good any more" in app.browser.page.text
        assert kept(codes)["status"] == "denied"

    def test_with_forms_of_elsewhere_change_nothing(self, app, provider, kept):
        codes = app.begin_device()
        open_page(app, codes)
        action, fields = app.browser.form()
        stranger = Browser(provider["issuer"])
        stranger.go(action, {**fields, "decision": "allow"})
        assert stranger.page.status_code == 403
        other = action.replace(codes["user_code"], app.begin_device()["user_code"])
        app.browser.go(other, {**fields, "decision": "allow"})
        assert app.browser.page.status_code == 403

        assert kept(codes)["status"] == "pending"

    def test_by_looking_change_nothing(self, app, kept):
        codes = app.begin_device()
        open_page(app, codes)

        assert kept(codes)["status"] == "pending"

    def test_by_guessing_codes_are_limited_like_logins(self, app, owner):
        open_page(app, app.begin_device())
        address = f"{app.provider['issuer']}/oauth/device?user_code=BBBB-BBBB"
        page = app.browser.go(address).page
        _, _, headers = owner("POST", "/v1/auth/login", {"email": "", "password": ""})

        assert page.status_code == 400
        assert "This code is not good" in page.text
        assert page.headers["RateLimit-Limit"] == headers["RateLimit-Limit"]

    def test_of_strangers_to_the_organization_get_nothing(
        self, app, newcomer, provider, kept
    ):
        codes = app.begin_device()
        stranger = Browser(provider["issuer"])
        stranger.go(codes["verification_uri_complete"])
        stranger.submit(**newcomer().credentials)

        assert "You are not a member" in stranger.page.text
        assert kept(codes)["status"] == "pending"

    def test_that_begin_too_many_are_refused(self, app, provider):
        address = provider["device_authorization_endpoint"]
        client = app.client["client_id"], app.client["client_secret"]
        form = {"scope": "openid"}
        statuses = [
            requests.post(address, form, auth=client, timeout=20).status_code
            for _ in range(101)
        ]

        assert statuses == [200] * 100 + [429]

    def test_find_no_code_in_the_database(self, app, kept):
        codes = app.begin_device()
        row = repr(kept(codes))

        assert codes["device_code"] not in row
        assert codes["user_code"] not in row
        assert codes["user_code"].replace("-", "") not in row
