"""Applications act for people: OAuth 2.0 and OpenID Connect at the front door."""

import base64
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from browsers import Browser, answer_of

pytestmark = pytest.mark.e2e

REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43
SCOPE = "openid profile email contacts:read offline_access"
CODE_GRANTS = ["authorization_code", "refresh_token"]


@pytest.fixture(autouse=True, scope="module")
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
            "grant_types": CODE_GRANTS,
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


class App:
    """An application, by Authlib's client, and the person in front of it."""

    def __init__(self, provider, client, credentials, browser):
        self.provider = provider
        self.client = client
        self.credentials = credentials
        is_public = client["client_secret"] is None
        self.session = OAuth2Session(
            client["client_id"],
            client["client_secret"],
            token_endpoint_auth_method="none" if is_public else "client_secret_basic",
            redirect_uri=REDIRECT,
            scope=SCOPE,
            code_challenge_method="S256",
        )
        self.browser = browser

    def ask(self, **parameters):
        """Where a browser is sent to, and the state."""
        return self.session.create_authorization_url(
            self.provider["authorization_endpoint"],
            **{"code_verifier": VERIFIER, "nonce": "n-0S6", **parameters},
        )

    def let_in(self, **parameters):
        """Sign in and allow; the address at which the application is called back."""
        address, _ = self.ask(**parameters)
        self.arrive(address)
        return self.browser.submit(decision="allow").left_for

    def arrive(self, address):
        """Open the consent page, by signing in if that is asked."""
        if "Password" in self.browser.go(address).page.text:
            self.browser.submit(**self.credentials)
        assert "asks to act for you" in self.browser.page.text

    def tokens(self, **parameters):
        """The whole way."""
        return self.session.fetch_token(
            self.provider["token_endpoint"],
            authorization_response=self.let_in(**parameters),
            code_verifier=VERIFIER,
        )

    def code(self, **parameters):
        """A code that nobody has used."""
        return answer_of(self.let_in(**parameters))["code"]

    def exchange(self, client=None, **form):
        """Ask the token endpoint by hand: status and answer."""
        client = client or self.client
        answer = requests.post(
            self.provider["token_endpoint"],
            data=form,
            auth=(client["client_id"], client["client_secret"]),
            timeout=20,
        )
        return answer.status_code, answer.json()

    def exchange_code(self, code, client=None, **form):
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        given |= form
        return self.exchange(
            client, **{name: text for name, text in given.items() if text is not None}
        )

    def refresh(self, token, client=None, **form):
        return self.exchange(
            client, grant_type="refresh_token", refresh_token=token, **form
        )


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def get(provider, path, token):
    return requests.get(
        f"{provider['issuer']}{path}", headers=bearer(token), timeout=20
    ).status_code


class TestDiscovery:
    def test_is_complete_by_both_standards(self, status, provider):
        address = f"{status['gateway']}/.well-known/oauth-authorization-server"
        metadata = AuthorizationServerMetadata(requests.get(address, timeout=20).json())

        assert dict(metadata) == provider
        assert status["gateway"] == provider["issuer"]
        metadata.validate_response_types_supported()
        metadata.validate_scopes_supported()
        assert ["code"] == metadata["response_types_supported"]
        for name, value in provider.items():
            if name.endswith("_endpoint"):
                assert requests.options(value, timeout=20).status_code != 404, name


class TestCodeFlow:
    def test_gives_tokens_to_authlibs_client(self, app, provider, owner):
        tokens = app.tokens()

        assert set(SCOPE.split()) == set(tokens["scope"].split())
        assert get(provider, "/v1/contacts", tokens["access_token"]) == 200
        assert get(provider, "/v1/leads", tokens["access_token"]) == 403
        code, made, _ = owner(
            "POST",
            "/v1/contacts",
            {"last_name": "L"},
            Authorization=f"Bearer {tokens['access_token']}",
        )
        assert (code, made["code"]) == (403, "permission_missing")

    def test_says_who_answers_and_keeps_the_state(self, app, provider):
        address, state = app.ask()
        app.arrive(address)
        answer = answer_of(app.browser.submit(decision="allow").left_for)

        assert answer["state"] == state
        assert answer["iss"] == provider["issuer"]

    def test_gives_an_id_token_that_verifies(self, app, provider, owner):
        began = int(time.time())
        tokens = app.tokens()
        keys = jwt.PyJWKClient(provider["jwks_uri"])
        key = keys.get_signing_key_from_jwt(tokens["id_token"])
        claims = jwt.decode(
            tokens["id_token"],
            key.key,
            algorithms=["ES256"],
            audience=app.client["client_id"],
            issuer=provider["issuer"],
        )
        _, me, _ = owner("GET", "/v1/me")

        assert claims["sub"] == me["id"]
        assert claims["nonce"] == "n-0S6"
        assert began - 2 <= claims["auth_time"] <= time.time() + 1
        assert claims["at_hash"] == half_hash(tokens["access_token"])
        assert get(provider, "/v1/me", tokens["id_token"]) == 401

    def test_gives_access_tokens_after_rfc_9068(self, app, provider):
        token = app.tokens()["access_token"]
        claims = jwt.decode(token, options={"verify_signature": False})

        assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
        assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= claims.keys()
        assert claims["client_id"] == app.client["client_id"]
        assert claims["iss"] == provider["issuer"]
        assert set(claims["scope"].split()) == set(SCOPE.split())

    def test_works_without_a_secret(self, register, provider, owner, browser):
        client = register(token_endpoint_auth_method="none")  # noqa: S106
        app = App(provider, client, owner.credentials, browser)

        assert client["client_secret"] is None
        assert get(provider, "/v1/contacts", app.tokens()["access_token"]) == 200

    def test_takes_the_secret_in_the_form(self, app):
        form = {
            "grant_type": "authorization_code",
            "code": app.code(),
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_id": app.client["client_id"],
            "client_secret": app.client["client_secret"],
        }
        answer = requests.post(app.provider["token_endpoint"], data=form, timeout=20)

        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"

    def test_takes_another_port_of_this_machine(self, app):
        other = REDIRECT.replace(":9/", ":54321/")

        assert app.let_in(redirect_uri=other).startswith(f"{other}?")

    def test_asks_again_whoever_has_signed_in(self, app):
        app.tokens()
        address, _ = app.ask()

        assert "asks to act for you" in app.browser.go(address).page.text

    @pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "0"}])
    def test_lets_people_sign_in_anew(self, app, again):
        app.tokens()
        address, _ = app.ask(**again)
        app.browser.go(address)
        assert "Password" in app.browser.page.text
        app.browser.submit(**app.credentials)

        assert app.browser.submit(decision="allow").left_for

    def test_tells_the_application_of_a_refusal(self, app):
        address, state = app.ask()
        app.arrive(address)
        answer = answer_of(app.browser.submit(decision="deny").left_for)

        assert (answer["error"], answer["state"]) == ("access_denied", state)


def half_hash(token):
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


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


INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "This is not good, or not good any more.",
}


@pytest.fixture
def at_once():
    def run(count, work):
        with ThreadPoolExecutor(count) as pool:
            return [each.result() for each in [pool.submit(work) for _ in range(count)]]

    return run


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

    def test_is_not_for_another_application(self, app, register):
        token = app.tokens()["refresh_token"]

        assert app.refresh(token, register()) == (400, INVALID_GRANT)

    def test_is_not_for_the_route_of_people(self, app, owner):
        payload = {"refresh_token": app.tokens()["refresh_token"]}
        code, answer, _ = owner("POST", "/v1/auth/refresh", payload)

        assert (code, answer["code"]) == (401, "refresh_token_invalid")


class TestApplications:
    def test_act_for_themselves(self, register, provider, owner, browser):
        client = register(
            grant_types=["client_credentials"], redirect_uris=[], scope="contacts:read"
        )
        app = App(provider, client, owner.credentials, browser)
        tokens = app.session.fetch_token(
            provider["token_endpoint"],
            grant_type="client_credentials",
            scope="contacts:read",
        )
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})

        assert claims["sub"] == f"client:{client['client_id']}"
        assert "refresh_token" not in tokens
        assert get(provider, "/v1/contacts", tokens["access_token"]) == 200
        assert get(provider, "/v1/leads", tokens["access_token"]) == 403
        assert app.exchange(grant_type="client_credentials", scope="leads:read") == (
            400,
            {
                "error": "invalid_scope",
                "error_description": "The scope goes beyond what is registered.",
            },
        )

    def test_cannot_guess_secrets(self, app):
        wrong = {**app.client, "client_secret": "wrong"}
        answers = [
            app.exchange(wrong, grant_type="client_credentials")[0] for _ in range(25)
        ]

        assert answers[0] == 401
        assert answers[-1] == 429
        # Nor does the right one help as long.
        assert app.refresh("x")[0] == 429

    def test_are_told_by_a_secret_that_can_be_changed(self, app, owner):
        path = f"/v1/oauth-clients/{app.client['id']}"
        code, rotated, _ = owner("POST", f"{path}/rotate-secret")
        assert code == 200
        assert app.refresh("x")[1]["error"] == "invalid_client"
        assert app.refresh("x", rotated)[1]["error"] == "invalid_grant"

        code, shown, _ = owner("GET", path)
        assert code == 200
        assert "client_secret" not in shown
        assert "secret_hash" not in shown

    def test_end_with_all_they_were_let_do(self, app, owner, until):
        token = app.tokens()["access_token"]
        path = f"/v1/oauth-clients/{app.client['id']}"
        assert owner("DELETE", path)[0] == 204

        until(lambda: get(app.provider, "/v1/contacts", token) == 401)
        assert app.refresh("x")[1]["error"] == "invalid_client"
        assert owner("GET", path)[0] == 404

    def test_lose_what_they_were_let_do_with_their_scope(self, app, owner, until):
        token = app.tokens()["access_token"]
        path = f"/v1/oauth-clients/{app.client['id']}"
        code, changed, _ = owner("PATCH", path, {"scope": "openid"})

        assert (code, changed["scope"]) == (200, "openid")
        until(lambda: get(app.provider, "/v1/contacts", token) == 401)

    def test_are_not_changed_into_what_contradicts_itself(self, register, owner):
        made = register(token_endpoint_auth_method="none")  # noqa: S106 - a method
        grants = {"grant_types": [*CODE_GRANTS, "client_credentials"]}
        code, problem, _ = owner("PATCH", f"/v1/oauth-clients/{made['id']}", grants)

        assert (code, problem["code"]) == (422, "invalid_input")
        assert [each["field"] for each in problem["errors"]] == ["grant_types"]

    def test_make_and_widen_no_tokens(self, app, owner):
        token = app.tokens(scope="openid")["access_token"]
        payload = {"name": "X", "redirect_uris": [REDIRECT], "scope": "openid"}
        for path in ("/v1/oauth-clients", "/v1/access-tokens", "/v1/roles"):
            code, answer, _ = owner("POST", path, payload, **bearer(token))

            assert code == 403, (path, answer)

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"redirect_uris": ["http://evil.example/"]}, "redirect_uris.0"),
            ({"redirect_uris": ["https://*.example/"]}, "redirect_uris.0"),
            ({"redirect_uris": ["https://a.example/#b"]}, "redirect_uris.0"),
            ({"redirect_uris": ["https://a:b@a.example/"]}, "redirect_uris.0"),
            ({"redirect_uris": []}, "redirect_uris"),
            ({"scope": "oauth-clients:write"}, "scope"),
            ({"scope": "contacts:burn"}, "scope"),
            ({"grant_types": ["password"]}, "grant_types.0"),
            ({"grant_types": ["implicit"]}, "grant_types.0"),
        ],
    )
    def test_are_registered_within_bounds(self, owner, terms, field):
        payload = {
            "name": "X",
            "redirect_uris": [REDIRECT],
            "scope": "openid",
            **terms,
        }
        code, answer, _ = owner("POST", "/v1/oauth-clients", payload)

        assert code == 422
        assert [each["field"] for each in answer["errors"]] == [field]

    def test_can_be_registered_by_the_standard(self, owner, app):
        payload = {
            "client_name": "Standard",
            "redirect_uris": [REDIRECT],
            "scope": "openid",
            "logo_uri": "https://logo.example/",
        }
        code, made, headers = owner("POST", "/oauth/register", payload)

        assert code == 201
        assert headers["Cache-Control"] == "no-store"
        assert made["client_secret_expires_at"] == 0
        assert app.refresh("x", made)[1]["error"] == "unauthorized_client"
        code, answer, _ = owner(
            "POST", "/oauth/register", {**payload, "redirect_uris": ["ftp://x/"]}
        )
        assert (code, answer["error"]) == (400, "invalid_redirect_uri")
        assert owner("POST", "/oauth/register", payload, Authorization="")[0] == 401


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

    @pytest.mark.parametrize("given", ["Basic", "Basic !", "Basic /w==", "Basic YQ=="])
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
