import pytest

from chassis.errors import UnauthenticatedError
from gateway_flask.auth import TokenVerifier


class TestTokenVerifier:
    def test_remembers_who_a_token_belongs_to(self, signer, make_token):
        verifier = TokenVerifier(signer[1])
        token = make_token()

        assert verifier.verify(token) is verifier.verify(token)

    def test_forgets_the_oldest_beyond_its_capacity(self, signer, make_token):
        verifier = TokenVerifier(signer[1], capacity=3)

        for _ in range(5):
            verifier.verify(make_token())

        assert len(verifier) == 3

    def test_does_not_remember_beyond_expiry(self, signer, make_token):
        verifier = TokenVerifier(signer[1])
        token = make_token(lifetime_s=-3)
        first = verifier.verify(token)

        assert first is not verifier.verify(token)

    def test_remembers_no_refusal(self, signer):
        verifier = TokenVerifier(signer[1])

        with pytest.raises(UnauthenticatedError):
            verifier.verify("nonsense")

        assert len(verifier) == 0


class TestAuthenticating:
    def test_no_token_is_401(self, anonymous):
        answer = anonymous.get("/v1/me")

        assert (401, "token_missing") == (answer.status_code, answer.json["code"])
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_another_scheme_is_no_token(self, anonymous):
        answer = anonymous.get("/v1/me", headers={"Authorization": "Basic eDp5"})

        assert answer.json["code"] == "token_missing"

    def test_an_expired_token_is_401(self, anonymous, make_token):
        header = f"Bearer {make_token(lifetime_s=-60)}"

        answer = anonymous.get("/v1/me", headers={"Authorization": header})

        assert (401, "token_expired") == (answer.status_code, answer.json["code"])
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    def test_a_bad_token_is_charged_to_its_address(self, anonymous, limiter):
        anonymous.get("/v1/me", headers={"Authorization": "Bearer x"})

        charge = limiter.charges[0][0]

        assert ("public", "127.0.0.1") == (charge.limit, charge.owner)

    def test_a_missing_permission_is_403(self, anonymous, make_token, bus):
        header = f"Bearer {make_token(grants={'leads:read': 'all'})}"

        answer = anonymous.get("/v1/contacts", headers={"Authorization": header})

        assert (403, "permission_missing") == (answer.status_code, answer.json["code"])
        assert bus.calls == []

    def test_a_valid_token_is_enough_for_me(self, anonymous, make_token):
        header = f"bearer {make_token(grants={})}"

        answer = anonymous.get("/v1/me", headers={"Authorization": header})

        assert answer.status_code == 200

    def test_the_token_travels_to_the_service(self, anonymous, make_token, bus):
        token = make_token()
        anonymous.get("/v1/me", headers={"Authorization": f"Bearer {token}"})

        assert bus.calls[0][2]["auth_token"] == token

    def test_a_public_route_takes_no_token_along(self, client, bus):
        client.post("/v1/auth/logout", json={"refresh_token": "x"})

        assert "auth_token" not in bus.calls[0][2]
