"""What is good once is spent once by a request that the broker delivers twice.

It does when a process dies before it has answered. Whoever sends another request
with the same thing, be it under the same ``Idempotency-Key``, has stolen it.
"""

import pytest
from applications import DEVICE_GRANT, REDIRECT, VERIFIER, get
from authenticators import Authenticator, turn_on
from deliveries import delivering
from letters import links_to
from members import recruit

pytestmark = pytest.mark.e2e


@pytest.fixture
def deliver(status):
    with delivering(status) as deliver:
        yield deliver


@pytest.fixture
def refusals(status):
    """What a request of somebody's is refused with when it is delivered twice."""

    def run(client, method, **arguments):
        with delivering(status, is_keyed=False, token=client.token) as deliver:
            answers = [deliver(method, "one", **arguments) for _ in range(2)]
        return [code_of(each) for each in answers]

    return run


def code_of(answer):
    """The code of a refusal; None for what was done."""
    return answer["error"] and answer["error"]["exc_args"][0]


@pytest.fixture
def followed(status, until):
    """The token of the last link that was sent to an address."""

    def find(email, page, count=1):
        return until(
            lambda: (
                len(links_to(status, email, page)) >= count
                and links_to(status, email, page)[-1][1]
            )
        )

    return find


class TestSessions:
    def test_go_on_when_a_refresh_is_delivered_twice(self, client, deliver, until):
        def refresh(name):
            payload = {"refresh_token": client.tokens["refresh_token"]}
            return deliver("auth.refresh_session", name, payload=payload)

        first, again = refresh("one"), refresh("one")
        bearer = {"Authorization": f"Bearer {again['result']['access_token']}"}
        assert client("GET", "/v1/me", **bearer)[0] == 200
        for tokens in (first["result"], again["result"]):
            payload = {"refresh_token": tokens["refresh_token"]}
            assert client("POST", "/v1/auth/refresh", payload)[0] == 200

        assert code_of(refresh("another")) == "refresh_token_reused"
        until(lambda: client("GET", "/v1/me", **bearer)[0] == 401)

    def test_begin_once_when_a_login_is_delivered_twice(self, client, status):
        with delivering(status, is_keyed=False) as deliver:
            for _ in range(2):
                answer = deliver("auth.login", "one", payload=client.credentials)
        bearer = {"Authorization": f"Bearer {answer['result']['access_token']}"}
        code, listed, _ = client("GET", "/v1/sessions", **bearer)

        assert (code, len(listed["data"])) == (200, 2)

    def test_begin_with_a_code_that_is_delivered_twice(self, client, deliver):
        authenticator, recovery_codes = turn_on(client)
        for code in (authenticator.code(), recovery_codes[0]):
            payload = {**client.credentials, "otp": code}
            for _ in range(2):
                answer = deliver("auth.login", code, payload=payload)
                assert code_of(answer) is None, answer

            assert code_of(deliver("auth.login", "x", payload=payload)) == "otp_invalid"

    def test_end_when_that_is_delivered_twice(self, client, refusals):
        ours = client("GET", "/v1/sessions")[1]["data"]
        assert client("POST", "/v1/auth/login", client.credentials)[0] == 200
        listed = client("GET", "/v1/sessions")[1]["data"]
        (other,) = {each["id"] for each in listed} - {each["id"] for each in ours}

        assert refusals(client, "auth.revoke_session", session_id=other) == [None, None]
        assert client("DELETE", f"/v1/sessions/{other}")[0] == 404

    def test_end_with_their_token_that_is_revoked_twice(self, client, refusals):
        asked = {"name": "Nightly", "scope": ["contacts:read"]}
        code, token, _ = client("POST", "/v1/access-tokens", asked)
        assert code == 201, token
        path, own = f"/v1/access-tokens/{token['id']}", {"access_token_id": token["id"]}

        assert refusals(client, "auth.revoke_access_token", **own) == [None, None]
        assert client("DELETE", path)[0] == 404

    def test_end_once_by_one_key(self, client):
        asked = {"name": "Nightly", "scope": ["contacts:read"]}
        token = client("POST", "/v1/access-tokens", asked)[1]
        key = {"Idempotency_Key": token["id"]}
        ended = [
            client("DELETE", f"/v1/access-tokens/{token['id']}", **key)[0]
            for _ in range(2)
        ]

        assert ended == [204, 204]


class TestApplications:
    @pytest.fixture
    def exchange(self, app, deliver):
        def run(name, **form):
            own = {name: app.client[name] for name in ("client_id", "client_secret")}
            return deliver("auth.exchange_grant", name, form={**own, **form})

        return run

    def check(self, app, exchange, until, **form):
        """Twice in one message is one use, in two messages it is a theft."""
        first, again = exchange("one", **form), exchange("one", **form)
        tokens = again["result"]
        assert code_of(first) is None
        assert get(app.provider, "/v1/contacts", tokens["access_token"]) == 200

        assert code_of(exchange("another", **form)) == "invalid_grant"
        until(lambda: get(app.provider, "/v1/contacts", tokens["access_token"]) == 401)
        assert code_of(exchange("one", **form)) == "invalid_grant"

    def test_are_let_in_by_a_code_that_is_delivered_twice(self, app, exchange, until):
        code = app.code()
        form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        self.check(app, exchange, until, grant_type="authorization_code", **form)

    def test_are_let_in_on_a_device_that_asks_once(self, app, exchange, until):
        codes = app.begin_device()
        app.open(codes["verification_uri_complete"])
        app.browser.submit(decision="allow")
        form = {"device_code": codes["device_code"]}
        self.check(app, exchange, until, grant_type=DEVICE_GRANT, **form)

    def test_are_let_in_on_a_device_by_one_decision(self, app, deliver):
        codes = app.begin_device()
        app.open(codes["verification_uri_complete"])
        decision = {
            "parameters": {"user_code": codes["user_code"]},
            "browser": app.browser.session.cookies["rapport"],
        }

        def decide(name, *, is_allowed=True):
            answer = deliver(
                "auth.decide_device", name, **decision, is_allowed=is_allowed
            )
            return code_of(answer)

        assert [decide("one"), decide("one")] == [None, None]
        assert decide("another", is_allowed=False) == "user_code_invalid"
        assert app.ask_for_device(codes["device_code"])[0] == 200

    def test_go_on_when_a_refresh_is_delivered_twice(self, app, exchange, until):
        form = {"refresh_token": app.tokens()["refresh_token"]}
        self.check(app, exchange, until, grant_type="refresh_token", **form)


class TestLinks:
    def test_set_a_password_once(self, client, deliver, followed):
        asked = {"email": client.email}
        assert client("POST", "/v1/auth/password-reset", asked)[0] == 202
        token = followed(client.email, "new-password")
        password = "another long and secret one"  # noqa: S105 - of a test
        payload = {"token": token, "password": password}

        def confirm(name):
            answer = deliver("auth.confirm_password_reset", name, payload=payload)
            return code_of(answer)

        assert [confirm("one"), confirm("one")] == [None, None]
        assert confirm("another") == "link_invalid"
        credentials = {**client.credentials, "password": password}
        assert client("POST", "/v1/auth/login", credentials)[0] == 200

    def test_show_an_address_to_be_ones_own_once(self, client, deliver, followed):
        payload = {"token": followed(client.email, "verify-email")}

        def verify(name):
            return code_of(deliver("auth.verify_email", name, payload=payload))

        assert [verify("one"), verify("one")] == [None, None]
        assert verify("another") == "link_invalid"

    def test_make_somebody_a_member_once(self, newcomer, deliver, followed):
        owner, other = newcomer(), newcomer()
        invited = {"email": other.email, "roles": ["analyst"]}
        assert owner("POST", "/v1/invitations", invited)[0] == 201
        token = followed(other.email, "invitation")
        payload = {"token": token, "name": "Grace", "password": "correct horse"}

        def accept(name):
            return deliver("auth.accept_invitation", name, payload=payload)

        first, again = accept("one"), accept("one")

        assert first["result"]["org_name"] == "Acme"
        assert again["result"] == first["result"]
        assert code_of(accept("another")) == "link_invalid"


class TestProofs:
    """What is done by whoever proves once more that it is them."""

    @pytest.fixture
    def twice(self, status, client):
        """Both answers to a request of the client's that is delivered twice."""

        def run(method, **payload):
            with delivering(status, is_keyed=False, token=client.token) as deliver:
                answers = [deliver(method, "one", payload=payload) for _ in range(2)]
            assert [code_of(each) for each in answers] == [None, None]
            return [each["result"] for each in answers]

        return run

    @pytest.fixture
    def own(self, client):
        return {"current_password": client.credentials["password"]}

    def log_in(self, client, **changes):
        credentials = {**client.credentials, **changes}
        return client("POST", "/v1/auth/login", credentials)[0]

    def test_give_another_password(self, client, twice, own):
        password = "another long and secret one"  # noqa: S105 - of a test
        twice("auth.change_password", **own, password=password)

        assert self.log_in(client, password=password) == 200
        assert self.log_in(client) == 401

    def test_turn_a_second_factor_on_and_show_codes_that_are_good(
        self, client, twice, own
    ):
        _, begun, _ = client("POST", "/v1/auth/mfa/totp", own)
        otp = Authenticator(begun["secret"]).code()
        first, again = twice("auth.confirm_totp", otp=otp)

        assert self.log_in(client, otp=first["recovery_codes"][0]) == 401
        assert self.log_in(client, otp=again["recovery_codes"][0]) == 200

    def test_give_recovery_codes_that_are_good(self, client, twice, own):
        authenticator, _ = turn_on(client)
        proofs = {**own, "otp": authenticator.code()}
        first, again = twice("auth.replace_recovery_codes", **proofs)

        assert self.log_in(client, otp=first["recovery_codes"][0]) == 401
        assert self.log_in(client, otp=again["recovery_codes"][0]) == 200

    def test_turn_a_second_factor_off(self, client, twice, own):
        authenticator, _ = turn_on(client)
        twice("auth.remove_totp", **own, otp=authenticator.code())

        assert self.log_in(client) == 200

    def test_give_an_organization_away(self, status, newcomer, client, twice, own):
        other = recruit(status, newcomer, client, "admin")
        first, again = twice("auth.transfer_org", **own, user_id=other.user_id)

        assert first == again
        assert again["owner_id"] == other.user_id
