"""What is asked for at login besides the password."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
import requests
from applications import REDIRECT, SCOPE, VERIFIER
from authenticators import Authenticator, early_in_a_step, turn_on
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from browsers import Browser, answer_of
from pymongo import MongoClient
from waiting import until

from chassis.key_set import KeySet
from chassis.rpc_client import RpcClient
from chassis.signer import Signer

pytestmark = pytest.mark.e2e

MFA = "/v1/auth/mfa"


def ask(client, method, path, payload=None):
    """Status and code; where one address may not do so for now, a bit later."""
    status, answer, _ = client.patiently(method, path, payload)
    return status, answer["code"] if status >= 400 else None


def log_in(client, otp=None):
    credentials = {**client.credentials, "otp": otp}
    return ask(client, "POST", "/v1/auth/login", credentials)


def logged_in(client, credentials):
    status, answer, _ = client("POST", "/v1/auth/login", credentials)
    assert status in {200, 429}, answer
    return status == 200 and answer


def both(client, otp):
    return {"current_password": client.credentials["password"], "otp": otp}


@pytest.fixture(autouse=True)
def _early_in_a_step():
    """Codes are of the step in which a test looks at them."""
    early_in_a_step()


@pytest.fixture
def secured(client):
    client.authenticator, client.recovery = turn_on(client)
    return client


class TestTurningOn:
    def test_needs_the_password_and_a_code(self, client):
        wrong = {"current_password": "not that"}
        begun = ask(client, "POST", f"{MFA}/totp", wrong)
        assert begun == (422, "current_password_wrong")
        code = {"otp": "000000"}
        found = ask(client, "POST", f"{MFA}/totp/confirm", code)
        assert found == (404, "second_factor_not_found")
        own = {"current_password": client.credentials["password"]}
        _, made, _ = client("POST", f"{MFA}/totp", own)
        authenticator = Authenticator(made["secret"])
        assert made["uri"].startswith("otpauth://totp/Rapport:")
        assert made["secret"] in made["uri"]
        assert log_in(client) == (200, None)
        wrong = {"otp": f"{(int(authenticator.code()) + 1) % 10**6:06}"}
        assert ask(client, "POST", f"{MFA}/totp/confirm", wrong) == (422, "otp_wrong")

        right = {"otp": authenticator.code()}
        assert ask(client, "POST", f"{MFA}/totp/confirm", right) == (200, None)
        again = ask(client, "POST", f"{MFA}/totp", own)
        assert again == (409, "second_factor_is_on")
        assert client("GET", MFA)[1]["recovery_codes_left"] == 10

    def test_keeps_no_secret_readable(self, secured, status):
        _, me, _ = secured("GET", "/v1/me")
        with MongoClient(status["mongo_uri"]) as mongo:
            row = mongo["rapport_auth"]["second_factors"].find_one({"_id": me["id"]})
        texts = [
            path.read_text()
            for path in (Path(status["mailbox"]).parent / "logs").glob("*.log")
        ]
        hidden = [*secured.recovery, *(c.replace("-", "") for c in secured.recovery)]

        assert not [code for code in hidden if code in repr(row)]
        assert secured.authenticator._secret not in row["secret"]
        assert not [code for code in hidden for text in texts if code in text]

    def test_again_with_its_key_gives_codes_that_are_good(self, client):
        """Whoever has not heard the answer would have none."""
        own = {"current_password": client.credentials["password"]}
        _, begun, _ = client("POST", f"{MFA}/totp", own)
        payload = {"otp": Authenticator(begun["secret"]).code()}
        confirm = ("POST", f"{MFA}/totp/confirm", payload)
        answers = [client(*confirm, Idempotency_Key="on")[1] for _ in range(2)]
        lost, heard = (each["recovery_codes"][0] for each in answers)

        assert log_in(client, lost)[0] == 401
        assert log_in(client, heard)[0] == 200
        assert client(*confirm)[1]["code"] == "second_factor_is_on"


class TestEverythingElse:
    """What was begun without what is asked for now."""

    def others(self, client):
        """Another login and a personal token: what asks with each."""
        credentials = {**client.credentials}
        if client("GET", MFA)[1]["is_on"]:
            credentials["otp"] = client.recovery.pop()
        login = until(lambda: logged_in(client, credentials))
        payload = {"name": "CI", "scope": ["contacts:read"]}
        status, made, _ = client("POST", "/v1/access-tokens", payload)
        assert status == 201, made
        return [login["access_token"], made["token"]]

    def are_ended(self, client, tokens):
        """Both, and not the session at hand."""
        for token in tokens:
            asked = {"Authorization": f"Bearer {token}"}
            until(lambda asked=asked: client("GET", "/v1/contacts", **asked)[0] == 401)
        return client("GET", "/v1/contacts")[0] == 200

    def test_ends_when_it_is_turned_on(self, client):
        tokens = self.others(client)
        turn_on(client)

        assert self.are_ended(client, tokens)

    def test_ends_when_there_are_other_recovery_codes(self, secured):
        tokens = self.others(secured)
        payload = both(secured, secured.recovery.pop())
        assert ask(secured, "POST", f"{MFA}/recovery-codes", payload) == (200, None)

        assert self.are_ended(secured, tokens)

    def test_ends_when_it_is_turned_off(self, secured):
        tokens = self.others(secured)
        payload = both(secured, secured.recovery.pop())
        assert ask(secured, "POST", f"{MFA}/totp/remove", payload) == (204, None)

        assert self.are_ended(secured, tokens)

    def test_goes_on_after_a_wrong_proof(self, secured):
        tokens = self.others(secured)
        refused = ask(secured, "POST", f"{MFA}/totp/remove", both(secured, "1"))
        assert refused == (422, "otp_wrong")

        for token in tokens:
            asked = {"Authorization": f"Bearer {token}"}
            assert secured("GET", "/v1/contacts", **asked)[0] == 200


class TestLogin:
    def test_needs_a_code_that_was_not_used(self, secured):
        code = secured.authenticator.code()

        assert log_in(secured) == (401, "otp_required")
        assert log_in(secured, code) == (200, None)
        assert log_in(secured, code) == (401, "otp_invalid")
        assert log_in(secured, secured.authenticator.code(-1)) == (401, "otp_invalid")
        assert log_in(secured, secured.authenticator.code(1)) == (200, None)

    def test_says_nothing_about_it_without_the_password(self, secured):
        credentials = {"email": secured.email, "password": "not that"}
        code = secured.authenticator.code()
        for otp in (None, "000000", code):
            answer = ask(secured, "POST", "/v1/auth/login", {**credentials, "otp": otp})
            assert answer == (401, "credentials_invalid")

    def test_takes_each_recovery_code_once(self, secured):
        first, second, *_ = secured.recovery

        assert log_in(secured, first) == (200, None)
        assert log_in(secured, first) == (401, "otp_invalid")
        assert log_in(secured, f" {second.replace('-', '').lower()} ") == (200, None)
        assert secured("GET", MFA)[1]["recovery_codes_left"] == 8

    def test_by_many_with_one_code_lets_one_in(self, secured):
        code = secured.authenticator.code()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: log_in(secured, code), range(4)))

        assert sorted(found) == [(200, None)] + 3 * [(401, "otp_invalid")]

    def test_cannot_be_guessed_even_where_the_owner_was_before(self, secured):
        found = [log_in(secured, f"{each:06}") for each in range(8)]

        assert found[:5] == 5 * [(401, "otp_invalid")]
        assert (429, "login_delayed") in found

    def test_of_the_pages_asks_for_it_too(self, secured, status):
        payload = {
            "name": "Mail merge",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code"],
            "scope": SCOPE,
        }
        status_code, made, _ = secured("POST", "/v1/oauth-clients", payload)
        assert status_code == 201, made
        browser = Browser(status["gateway"])
        query = urlencode(
            {
                "response_type": "code",
                "client_id": made["client_id"],
                "redirect_uri": REDIRECT,
                "scope": "openid",
                "code_challenge_method": "S256",
                "code_challenge": create_s256_code_challenge(VERIFIER),
                "acr_values": "urn:rapport:acr:mfa",
            }
        )
        browser.go(f"{status['gateway']}/oauth/authorize?{query}")
        browser.submit(**secured.credentials)
        assert "code of your authenticator is needed" in browser.page.text
        browser.submit(**secured.credentials, otp=secured.authenticator.code())
        assert "asks to act for you" in browser.page.text
        code = answer_of(browser.submit(decision="allow").left_for)["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        own = made["client_id"], made["client_secret"]
        address = f"{status['gateway']}/oauth/token"
        tokens = requests.post(address, form, auth=own, timeout=20).json()
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})

        assert claims["amr"] == ["pwd", "otp", "mfa"]
        assert claims["acr"] == "urn:rapport:acr:mfa"


class TestTurningOff:
    def test_needs_both_proofs(self, secured):
        path = f"{MFA}/totp/remove"
        wrong = {**both(secured, secured.recovery[0]), "current_password": "not that"}
        refused = ask(secured, "POST", path, wrong)
        assert refused == (422, "current_password_wrong")
        assert ask(secured, "POST", path, both(secured, "1")) == (422, "otp_wrong")

        payload = both(secured, secured.recovery[0])
        assert ask(secured, "POST", path, payload) == (204, None)
        assert log_in(secured) == (200, None)
        again = ask(secured, "POST", path, payload)
        assert again == (404, "second_factor_not_found")

    def test_can_be_done_by_the_operator_only(self, secured, status, newcomer):
        _, me, _ = secured("GET", "/v1/me")
        secrets = Path(status["mailbox"]).parent / "secrets" / "operator"
        keys = KeySet.load(secrets / "jwks.json", status["gateway"])
        operator = Signer(secrets / "signing_key.pem", keys)
        bus = RpcClient(status["amqp_uri"], "operator")

        def reset(token):
            return bus.call(
                "auth",
                "reset_second_factor",
                kwargs={"person_id": me["id"]},
                context={"auth_token": token},
                timeout_s=10,
            )

        with pytest.raises(Exception, match="operator"):
            reset(newcomer().token)
        assert log_in(secured) == (401, "otp_required")
        reset(operator.sign_as_self(me["org_id"]))
        bus.close()

        assert log_in(secured) == (200, None)


class TestRecoveryCodes:
    def test_are_replaced_all_together(self, secured):
        payload = both(secured, secured.recovery[0])
        status, answer, _ = secured("POST", f"{MFA}/recovery-codes", payload)

        assert status == 200
        assert log_in(secured, secured.recovery[1]) == (401, "otp_invalid")
        assert log_in(secured, answer["recovery_codes"][0]) == (200, None)
