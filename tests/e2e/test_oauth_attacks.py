"""What people try who want in by somebody else's OAuth 2.0."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import requests
from applications import INVALID_GRANT, REDIRECT, SCOPE, VERIFIER, get
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from browsers import Browser, answer_of
from pymongo import MongoClient

pytestmark = pytest.mark.e2e

LATEST = 500


@pytest.fixture(scope="module")
def database(status):
    """That of svc_auth, to look into and to let time pass in."""
    with MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client["rapport_auth"]


@pytest.fixture
def at_once():
    def run(count, work):
        with ThreadPoolExecutor(count) as pool:
            return [each.result() for each in [pool.submit(work) for _ in range(count)]]

    return run


class TestRequests:
    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": None}, "invalid_request"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"scope": "leads:read"}, "invalid_scope"),
            ({"scope": "oauth-clients:write"}, "invalid_scope"),
            ({"request": "eyJ"}, "request_not_supported"),
            ({"prompt": "none login"}, "invalid_request"),
            ({"max_age": "soon"}, "invalid_request"),
        ],
    )
    def test_are_refused_to_the_application(self, app, changed, error):
        answer = answer_of(app.browser.go(self.address(app, changed)).left_for)

        assert answer["error"] == error
        assert answer["state"] == "s"
        assert answer["iss"] == app.provider["issuer"]
        assert "code" not in answer

    @pytest.mark.parametrize(
        "uri",
        [
            None,
            "https://evil.example/",
            f"{REDIRECT}/more",
            f"{REDIRECT}?more=1",
            f"{REDIRECT}#part",
            "http://127.0.0.1:9@evil.example/callback",
            "http://127.0.0.2:9/callback",
            "http://localhost:9/callback",
            "javascript:alert(1)//callback",
            f"{REDIRECT}\r\nSet-Cookie: a=b",
        ],
    )
    def test_never_send_anybody_elsewhere(self, app, uri):
        app.browser.go(self.address(app, {"redirect_uri": uri}))

        assert app.browser.left_for is None
        assert app.browser.page.status_code == 400
        assert "redirect_uri_mismatch" in app.browser.page.text

    def test_of_strangers_end_here(self, app):
        app.browser.go(self.address(app, {"client_id": "nobody"}))

        assert app.browser.page.status_code == 400
        assert "unknown_client" in app.browser.page.text

    def test_that_say_something_twice_end_here(self, app):
        address = self.address(app, {}) + "&state=t"

        assert app.browser.go(address).page.status_code == 400
        assert app.browser.left_for is None

    def test_ask_nobody_where_nobody_may_be_asked(self, app):
        address = self.address(app, {"prompt": "none"})
        nobody = Browser(app.provider["issuer"]).go(address)
        assert answer_of(nobody.left_for)["error"] == "login_required"

        app.let_in()
        answer = answer_of(app.browser.go(address).left_for)
        assert answer["error"] == "consent_required"

    def address(self, app, changed):
        parameters = {
            "response_type": "code",
            "client_id": app.client["client_id"],
            "redirect_uri": REDIRECT,
            "scope": "openid",
            "state": "s",
            "code_challenge": create_s256_code_challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changed,
        }
        given = {name: text for name, text in parameters.items() if text is not None}
        return f"{app.provider['authorization_endpoint']}?{urlencode(given)}"


class TestCodes:
    def test_end_what_they_gave_when_they_come_twice(self, app, until):
        code = app.code()
        status, tokens = app.exchange_code(code)
        assert status == 200
        assert get(app.provider, "/v1/contacts", tokens["access_token"]) == 200

        assert app.exchange_code(code) == (400, INVALID_GRANT)
        until(lambda: get(app.provider, "/v1/contacts", tokens["access_token"]) == 401)
        assert app.refresh(tokens["refresh_token"]) == (400, INVALID_GRANT)

    @pytest.mark.parametrize(
        "form",
        [
            {"code_verifier": None},
            {"code_verifier": "w" * 43},
            {"code_verifier": create_s256_code_challenge(VERIFIER)},
            {"redirect_uri": None},
            {"redirect_uri": "https://evil.example/"},
            {"redirect_uri": REDIRECT.replace(":9/", ":10/")},
        ],
    )
    def test_are_good_only_with_what_belongs_to_them(self, app, form):
        code = app.code()

        assert app.exchange_code(code, **form) == (400, INVALID_GRANT)
        # Whoever has guessed once does not guess again.
        assert app.exchange_code(code) == (400, INVALID_GRANT)

    def test_are_good_for_a_minute(self, app, database):
        code = app.code()
        kept = {"_id": hashlib.sha256(code.encode()).hexdigest()}
        row = database["authorization_codes"].find_one(kept)
        left = row["expires_at"] - datetime.now(tz=UTC)
        over = {"expires_at": datetime.now(tz=UTC) - timedelta(seconds=1)}
        database["authorization_codes"].update_one(kept, {"$set": over})

        assert timedelta(seconds=30) < left <= timedelta(seconds=60)
        assert app.exchange_code(code) == (400, INVALID_GRANT)

    def test_are_kept_as_hashes_like_all_secrets(self, app, database):
        code = app.code()
        _, tokens = app.exchange_code(code)
        kept = str(
            [
                list(database[name].find().sort("$natural", -1).limit(LATEST))
                for name in database.list_collection_names()
                if name != "system.views"
            ]
        )

        for secret in (code, app.client["client_secret"], *tokens.values()):
            assert secret in (900, "Bearer", tokens["scope"]) or secret not in kept

    def test_are_not_good_for_another_application(self, app, register):
        assert app.exchange_code(app.code(), register()) == (400, INVALID_GRANT)

    def test_are_not_good_for_another_organizations(self, app, newcomer):
        stranger = newcomer()
        payload = {"name": "X", "redirect_uris": [REDIRECT], "scope": "openid"}
        _, client, _ = stranger("POST", "/v1/oauth-clients", payload)

        assert app.exchange_code(app.code(), client) == (400, INVALID_GRANT)

    def test_are_good_once_however_many_come_at_a_time(self, app, at_once):
        code = app.code()
        answers = at_once(8, lambda: app.exchange_code(code))
        won = [tokens for status, tokens in answers if status == 200]

        assert len(won) <= 1
        for tokens in won:
            assert app.refresh(tokens["refresh_token"])[0] == 400


class TestRefreshing:
    def test_gives_another_token_each_time(self, app):
        first = app.tokens()
        fresh = app.session.refresh_token(app.provider["token_endpoint"])

        assert fresh["refresh_token"] != first["refresh_token"]
        assert get(app.provider, "/v1/contacts", fresh["access_token"]) == 200

    def test_ends_everything_when_a_token_comes_twice(self, app, until):
        stolen = app.tokens()["refresh_token"]
        _, fresh = app.refresh(stolen)
        assert app.refresh(stolen) == (400, INVALID_GRANT)

        assert app.refresh(fresh["refresh_token"]) == (400, INVALID_GRANT)
        until(lambda: get(app.provider, "/v1/contacts", fresh["access_token"]) == 401)

    def test_widens_no_scope(self, app):
        tokens = app.tokens(scope="openid contacts:read")
        status, answer = app.refresh(tokens["refresh_token"], scope=SCOPE)

        assert (status, answer["error"]) == (400, "invalid_scope")
        # A slip is not held against anybody; a theft is, whatever it asks for.
        assert app.refresh(tokens["refresh_token"])[0] == 200
        assert app.refresh(tokens["refresh_token"], scope=SCOPE) == (400, INVALID_GRANT)

    def test_gives_nothing_that_the_application_may_no_more(self, app, database):
        tokens = app.tokens(scope="openid contacts:read")
        # As if there had been more sessions than are ended at once.
        name, less = {"_id": app.client["client_id"]}, {"$set": {"scope": ["openid"]}}
        assert database["oauth_clients"].update_one(name, less).modified_count == 1

        assert app.refresh(tokens["refresh_token"]) == (400, INVALID_GRANT)

    def test_is_not_for_another_application(self, app, register):
        token = app.tokens()["refresh_token"]

        assert app.refresh(token, register()) == (400, INVALID_GRANT)

    def test_is_not_for_the_route_of_people(self, app, owner):
        payload = {"refresh_token": app.tokens()["refresh_token"]}
        code, answer, _ = owner("POST", "/v1/auth/refresh", payload)

        assert (code, answer["code"]) == (401, "refresh_token_invalid")


class TestTokenEndpoint:
    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({}, "invalid_request"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": "client_credentials"}, "unauthorized_client"),
            ({"grant_type": "authorization_code"}, "invalid_grant"),
            ({"grant_type": "refresh_token"}, "invalid_grant"),
            ({"grant_type": "refresh_token", "client_secret": "x"}, "invalid_request"),
            ({"grant_type": "refresh_token", "client_id": "x"}, "invalid_request"),
        ],
    )
    def test_says_what_is_wrong(self, app, form, error):
        status, answer = app.exchange(**form)

        assert (status, answer["error"]) == (400, error)

    @pytest.mark.parametrize(
        ("body", "media_type"),
        [
            ("{}", "application/json"),
            ("grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
            ("a=%ff", "application/x-www-form-urlencoded"),
            ("a=%00", "application/x-www-form-urlencoded"),
            ("a=" + "b" * 70_000, "application/x-www-form-urlencoded"),
            (
                "&".join(f"{n}=1" for n in range(99)),
                "application/x-www-form-urlencoded",
            ),
        ],
    )
    def test_reads_plain_forms_only(self, app, body, media_type):
        answer = requests.post(
            app.provider["token_endpoint"],
            data=body,
            headers={"Content-Type": media_type},
            timeout=20,
        )

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "given",
        [
            *("Basic", "Basic !", "Basic /w==", "Basic YQ=="),
            *("Basic \u00e9", "Basic \u00a0"),
        ],
    )
    def test_wants_credentials_that_can_be_read(self, app, given):
        answer = requests.post(
            app.provider["token_endpoint"],
            data={"grant_type": "refresh_token"},
            headers={"Authorization": given},
            timeout=20,
        )

        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
