"""Who is let in over the bus; the gateway's own look does not count here."""

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.signer import Signer

pytestmark = pytest.mark.integration


@pytest.fixture
def signer(status):
    """Signs with a principal's own key: ``signer("auth")``."""

    def load(principal):
        secrets = Path(status["mailbox"]).parent / "secrets" / principal
        keys = KeySet.load(secrets / "jwks.json", status["gateway"])
        return Signer(secrets / "signing_key.pem", keys)

    return load


@pytest.fixture
def resigned(client, signer):
    """The client's own token, changed and signed again."""
    claims = jwt.decode(client.token, options={"verify_signature": False})
    auth = signer("auth")

    def sign(
        key=auth._private, algorithm="ES256", kid=auth.key_id, typ="at+jwt", **changes
    ):
        headers = {"kid": kid, "typ": typ}
        return jwt.encode({**claims, **changes}, key, algorithm, headers)

    return sign


def code_of(answer):
    return answer["error"] and answer["error"]["exc_args"][0]


@pytest.fixture
def ask(caller):
    """The code with which a token is refused; None if it is not."""

    def list_contacts(token):
        headers = {} if token is None else {"nameko.auth_token": token}
        return code_of(caller.call("customer.list_contacts", headers, query={}))

    return list_contacts


class TestTokens:
    def test_of_auth_are_taken(self, ask, client, resigned):
        assert ask(client.token) is None
        assert ask(resigned()) is None

    @pytest.mark.parametrize(
        ("token", "expected"),
        [
            (None, "token_missing"),
            ("", "token_missing"),
            ("x", "token_malformed"),
            ("a.b.c", "token_malformed"),
            ("x" * 8_193, "token_malformed"),
        ],
    )
    def test_have_to_be_tokens(self, ask, token, expected):
        assert ask(token) == expected

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"exp": 1_700_000_000}, "token_expired"),
            ({"nbf": 4_000_000_000}, "token_invalid"),
            ({"aud": "else"}, "token_invalid"),
            ({"iss": "http://evil.example"}, "token_invalid"),
            ({"typ": "JWT"}, "token_invalid"),
            ({"org_id": "else"}, "token_invalid"),
            ({"grants": ["*"]}, "token_invalid"),
            ({"sub": "operator"}, "token_invalid"),
            ({"sub": "service:sales"}, "token_invalid"),
            ({"kid": "auth-00000000"}, "token_invalid"),
            ({"kid": ""}, "token_invalid"),
            ({"key": None, "algorithm": "none"}, "token_invalid"),
            ({"key": "x" * 32, "algorithm": "HS256"}, "token_invalid"),
            ({"key": ec.generate_private_key(ec.SECP256R1())}, "token_invalid"),
        ],
    )
    def test_that_are_not_as_auth_makes_them_are_refused(
        self, ask, resigned, changes, expected
    ):
        assert ask(resigned(**changes)) == expected

    def test_with_other_claims_under_the_signature_are_refused(
        self, ask, client, resigned
    ):
        head, _, signature = client.token.split(".")
        claims = resigned(org_id=new_id()).split(".")[1]

        assert ask(f"{head}.{claims}.{signature}") == "token_invalid"


class TestRights:
    """Of tokens that are told as of before the membership was read."""

    def test_are_told_so_by_a_login(self, client):
        assert told_before(client.token)

    def test_are_told_so_by_a_renewal(self, caller, client):
        own = {"nameko.auth_token": client.token}
        answer = caller.call("auth.renew_access_token", own)

        assert told_before(answer["result"]["access_token"])

    def test_are_told_so_for_a_personal_token(self, caller, client):
        payload = {"name": "Import", "scope": ["contacts:read"]}
        _, made, _ = client("POST", "/v1/access-tokens", payload)
        answer = caller.call("auth.exchange_access_token", {}, token=made["token"])

        assert told_before(answer["result"]["access_token"])


def told_before(token):
    """Whether its rights are not as of the moment in which it was signed."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return claims["rights_at"] <= claims["iat"]


class TestServices:
    def test_cannot_sign_for_people(self, ask, resigned, signer):
        sales = signer("sales")

        assert ask(resigned(key=sales._private, kid=sales.key_id)) == "token_invalid"

    def test_get_no_more_than_they_were_granted(self, caller, signer):
        claim = {"subject": "service:sales", "org_id": new_id(), "lifetime_s": 60}
        token = signer("sales").sign(grants={"*": "all"}, **claim)

        answer = caller.call(
            "customer.list_interactions", {"nameko.auth_token": token}, query={}
        )

        assert code_of(answer) == "permission_missing"

    def test_see_the_organization_that_they_act_for_and_no_other(
        self, caller, client, signer
    ):
        client("POST", "/v1/contacts", {"last_name": "Mine"})
        token = signer("sales").sign_as_self(new_id())

        answer = caller.call(
            "customer.list_contacts", {"nameko.auth_token": token}, query={}
        )

        assert answer["result"]["data"] == []
