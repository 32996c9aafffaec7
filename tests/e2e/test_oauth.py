"""Applications act for people: OAuth 2.0 and OpenID Connect at the front door."""

import base64
import hashlib
import time

import jwt
import pytest
import requests
from applications import INVALID_GRANT, REDIRECT, SCOPE, VERIFIER, App, bearer, get
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from browsers import Browser, answer_of
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e


def half_hash(token):
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


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
        # Others have let the browser sign in before.
        tokens = app.tokens(prompt="login")
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
        assert began <= claims["auth_time"] <= time.time()
        assert claims["at_hash"] == half_hash(tokens["access_token"])
        assert claims["amr"] == ["pwd"]
        assert "acr" not in claims
        assert get(provider, "/v1/me", tokens["id_token"]) == 401

    def test_says_how_the_person_signed_in_where_that_is_asked(self, app, provider):
        levels = provider["acr_values_supported"]
        tokens = app.tokens(acr_values=" ".join(reversed(levels)))
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})

        assert claims["acr"] == levels[0]

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

    @pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "0"}])
    def test_lets_people_sign_in_anew(self, app, again):
        app.tokens()
        address, _ = app.ask(**again)
        app.browser.go(address)
        assert "Password" in app.browser.page.text
        app.browser.submit(**app.credentials)

        assert answer_of(app.browser.left_for)["code"]

    def test_tells_the_application_of_a_refusal(self, app):
        address, state = app.ask()
        app.arrive(address)
        answer = answer_of(app.browser.submit(decision="deny").left_for)

        assert (answer["error"], answer["state"]) == ("access_denied", state)


class TestConsent:
    def test_is_asked_for_once(self, app):
        app.tokens()
        for scope in (SCOPE, "openid contacts:read", "openid"):
            address, state = app.ask(scope=scope)
            answer = answer_of(app.browser.go(address).left_for)

            assert answer["state"] == state
            assert app.exchange_code(answer["code"])[0] == 200

    def test_is_enough_where_nobody_may_be_asked(self, app):
        app.tokens()
        address, _ = app.ask(prompt="none")

        assert answer_of(app.browser.go(address).left_for)["code"]

    def test_is_asked_for_if_the_application_wants_that(self, app):
        app.tokens()
        address, _ = app.ask(prompt="consent")

        assert "asks to act for you" in app.browser.go(address).page.text

    def test_is_asked_for_more_than_before(self, app):
        app.tokens(scope="openid contacts:read")
        address, _ = app.ask(scope="openid contacts:read email")

        assert "asks to act for you" in app.browser.go(address).page.text

    def test_is_asked_for_where_the_answer_would_go_elsewhere(self, app, owner):
        elsewhere = "https://evil.example/callback"
        app.tokens()
        uris = {"redirect_uris": [REDIRECT, elsewhere]}
        path = f"/v1/oauth-clients/{app.client['id']}"
        assert owner("PATCH", path, uris)[0] == 200
        for prompt in ({}, {"prompt": "none"}):
            address, _ = app.ask(redirect_uri=elsewhere, **prompt)
            app.browser.go(address)
            sent = answer_of(app.browser.left_for or "")
            assert "code" not in sent
        assert sent["error"] == "consent_required"
        # Where people had themselves called back before they are not asked again.
        address, _ = app.ask(redirect_uri=REDIRECT.replace(":9/", ":10/"))

        assert answer_of(app.browser.go(address).left_for)["code"]

    def test_is_not_that_of_a_device(self, app):
        codes = app.begin_device(scope="openid")
        app.open(codes["verification_uri_complete"])
        app.browser.submit(decision="allow")
        assert app.ask_for_device(codes["device_code"])[0] == 200
        address, _ = app.ask(scope="openid")

        assert "asks to act for you" in app.browser.go(address).page.text

    def test_is_asked_for_of_another_application(self, app, register, provider, owner):
        app.tokens()
        other = App(provider, register(), owner.credentials, app.browser)
        address, _ = other.ask()

        assert "asks to act for you" in app.browser.go(address).page.text

    def test_is_asked_for_each_time_where_anybody_may_be_called_back(
        self, register, provider, owner, browser
    ):
        client = register(token_endpoint_auth_method="none")  # noqa: S106
        app = App(provider, client, owner.credentials, browser)
        app.tokens()
        address, _ = app.ask()

        assert "asks to act for you" in app.browser.go(address).page.text

    def test_is_of_one_person(self, app, status, newcomer, owner, provider):
        app.tokens()
        member = recruit(status, newcomer, owner, "analyst")
        theirs = Browser(provider["issuer"])
        other = App(provider, app.client, member.credentials, theirs)
        address, _ = other.ask()
        other.arrive(address)

        assert "asks to act for you" in theirs.page.text

    def test_is_listed_and_taken_back(self, app, owner):
        app.tokens(scope="openid contacts:read")
        rows = owner("GET", "/v1/sessions")[1]["data"]
        (mine,) = [each for each in rows if each["client_id"] == app.client["id"]]
        assert mine["scope"] == ["openid", "contacts:read"]
        assert owner("DELETE", f"/v1/sessions/{mine['id']}")[0] == 204
        address, _ = app.ask(scope="openid")

        assert "asks to act for you" in app.browser.go(address).page.text


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

    def test_own_nothing_and_go_on_when_roles_change(self, register, provider, owner):
        client = register(
            grant_types=["client_credentials"],
            redirect_uris=[],
            scope="contacts:read contacts:write",
        )
        app = App(provider, client, None, None)
        token = app.session.fetch_token(
            provider["token_endpoint"],
            grant_type="client_credentials",
            scope="contacts:read contacts:write",
        )["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        code, made, _ = owner("POST", "/v1/contacts", {"last_name": "Li"}, **headers)
        assert (code, made["owner_id"]) == (201, None)
        role = {"key": f"x{made['id'][:8]}", "name": "Helper", "grants": {}}
        _, role, _ = owner("POST", "/v1/roles", role)
        assert owner("PATCH", f"/v1/roles/{role['id']}", {"name": "Other"})[0] == 200

        types = "auth.role_updated,customer.contact_created"

        def is_heard():
            """Both, of which either may come first: two services tell of them."""
            rows = owner("GET", f"/v1/events?after=0&types={types}")[1]["data"]
            is_new = any(row["aggregate"]["id"] == made["id"] for row in rows)
            names = {row["event"] for row in rows}
            return is_new and "auth.role_updated" in names and rows

        rows = until(is_heard)
        actors = [r["actor"] for r in rows if r["event"] == "customer.contact_created"]
        assert {"type": "client", "id": f"client:{client['client_id']}"} in actors
        for _ in range(8):
            assert get(provider, "/v1/contacts", token) == 200

    def test_cannot_guess_secrets(self, app):
        wrong = {**app.client, "client_secret": "wrong"}
        statuses = []
        # Twice as many as are free, should a minute end in between.
        while 429 not in statuses and len(statuses) < 21:
            statuses.append(app.exchange(wrong, grant_type="refresh_token")[0])

        assert statuses[:10] == [401] * 10
        assert statuses[-1] == 429
        # Nor does the right one help as long; a guess may have come free by now.
        assert 429 in [app.refresh("x")[0] for _ in range(2)]

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

    def test_are_told_by_the_last_secret_of_a_request_sent_twice(self, app, owner):
        asked = ("POST", f"/v1/oauth-clients/{app.client['id']}/rotate-secret")
        _, first, _ = owner(*asked, Idempotency_Key="another secret")
        code, second, _ = owner(*asked, Idempotency_Key="another secret")

        assert (code, second["version"]) == (200, first["version"] + 1)
        assert app.refresh("x", second)[1]["error"] == "invalid_grant"
        assert app.refresh("x", first)[1]["error"] == "invalid_client"

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

    def test_lose_what_they_are_about_to_be_let_do(self, app, owner):
        code = app.code(scope="openid contacts:read")
        codes = app.begin_device(scope="openid contacts:read")
        app.open(codes["verification_uri_complete"])
        app.browser.submit(decision="allow")
        path = f"/v1/oauth-clients/{app.client['id']}"
        assert owner("PATCH", path, {"scope": "openid"})[0] == 200

        assert app.exchange_code(code) == (400, INVALID_GRANT)
        assert app.ask_for_device(codes["device_code"]) == (400, INVALID_GRANT)
        assert app.exchange_code(app.code(scope="openid"))[0] == 200

    def test_are_not_changed_into_what_contradicts_itself(self, register, owner):
        made = register(token_endpoint_auth_method="none")  # noqa: S106 - a method
        grants = {"grant_types": ["authorization_code", "client_credentials"]}
        code, problem, _ = owner("PATCH", f"/v1/oauth-clients/{made['id']}", grants)

        assert (code, problem["code"]) == (422, "invalid_input")
        assert [each["field"] for each in problem["errors"]] == ["grant_types"]

    def test_make_and_widen_no_tokens(self, app, owner):
        token = app.tokens(scope="openid")["access_token"]
        payload = {"name": "X", "redirect_uris": [REDIRECT], "scope": "openid"}
        for path in ("/v1/oauth-clients", "/v1/access-tokens", "/v1/roles"):
            code, answer, _ = owner("POST", path, payload, **bearer(token))

            assert code == 403, (path, answer)
        code, answer, _ = owner("GET", "/v1/access-tokens", **bearer(token))
        assert (code, answer["code"]) == (403, "token_restricted")

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
        without = {key: payload[key] for key in payload.keys() - {"scope"}}
        code, answer, _ = owner("POST", "/oauth/register", without)
        assert (code, answer["error"]) == (400, "invalid_client_metadata")
        assert "scope" in answer["error_description"]
        assert owner("POST", "/oauth/register", payload, Authorization="")[0] == 401


class TestTokens:
    def test_can_be_asked_about_by_whose_they_are(self, app, register, provider):
        tokens = app.tokens()
        ask = provider["introspection_endpoint"]
        for token in (tokens["access_token"], tokens["refresh_token"]):
            told = app.session.introspect_token(ask, token=token).json()

            assert told["active"] is True
            assert told["client_id"] == app.client["client_id"]
            assert set(told["scope"].split()) == set(SCOPE.split())
            assert told["exp"] > time.time()
        other = App(provider, register(), None, None)
        told = other.session.introspect_token(ask, token=tokens["access_token"])
        assert told.json() == {"active": False}

    @pytest.mark.parametrize("token", ["x", "eyJ.eyJ.x", "a" * 9_000])
    def test_that_are_none_are_not_active(self, app, provider, token):
        told = app.session.introspect_token(
            provider["introspection_endpoint"], token=token
        )

        assert told.json() == {"active": False}

    def test_of_people_are_nothing_to_applications(self, app, owner, provider):
        told = app.session.introspect_token(
            provider["introspection_endpoint"], token=owner.token
        )

        assert told.json() == {"active": False}

    def test_are_told_about_against_a_secret_only(self, register, provider):
        client = register(token_endpoint_auth_method="none")  # noqa: S106
        form = {"token": "x", "client_id": client["client_id"]}
        answer = requests.post(provider["introspection_endpoint"], form, timeout=20)

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_end_with_all_others_of_their_grant(self, app, provider, until, kind):
        tokens = app.tokens()
        end = provider["revocation_endpoint"]
        for _ in range(2):
            assert app.session.revoke_token(end, token=tokens[kind]).status_code == 200

        until(lambda: get(provider, "/v1/contacts", tokens["access_token"]) == 401)
        assert app.refresh(tokens["refresh_token"])[0] == 400
        told = app.session.introspect_token(
            provider["introspection_endpoint"], token=tokens["access_token"]
        )
        assert told.json() == {"active": False}

    def test_are_not_ended_by_another_application(self, app, register, provider):
        tokens = app.tokens()
        other = App(provider, register(), None, None)
        answer = other.session.revoke_token(
            provider["revocation_endpoint"], token=tokens["refresh_token"]
        )

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert get(provider, "/v1/contacts", tokens["access_token"]) == 200

    @pytest.mark.parametrize(
        ("scope", "known"),
        [
            ("openid", {"sub"}),
            ("openid profile", {"sub", "name"}),
            ("openid email", {"sub", "email", "email_verified"}),
        ],
    )
    def test_say_who_the_person_is(self, app, provider, owner, scope, known):
        token = app.tokens(scope=scope)["access_token"]
        _, me, _ = owner("GET", "/v1/me")
        for method in ("GET", "POST"):
            told = requests.request(
                method, provider["userinfo_endpoint"], headers=bearer(token), timeout=20
            ).json()

            assert told == {
                name: value
                for name, value in {**me, "sub": me["id"]}.items()
                if name in known
            }

    def test_say_no_more_than_their_scope_at_other_routes(self, app, provider):
        token = app.tokens(scope="openid contacts:read")["access_token"]
        assert get(provider, "/v1/me", token) == 403

        token = app.tokens(scope="openid profile email")["access_token"]
        assert get(provider, "/v1/me", token) == 200

    def test_without_openid_do_not(self, app, provider):
        token = app.tokens(scope="contacts:read")["access_token"]
        answer = requests.get(
            provider["userinfo_endpoint"], headers=bearer(token), timeout=20
        )

        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "insufficient_scope",
        )
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
