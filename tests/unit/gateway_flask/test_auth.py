import pytest

from chassis.errors import RateLimitedError, UnauthenticatedError


@pytest.fixture
def app(new_app):
    return new_app


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

    @pytest.mark.parametrize("prefix", ["rpat_", "rsvc_"])
    def test_a_guess_is_charged_before_anybody_is_asked(
        self, anonymous, bus, limiter, prefix
    ):
        bus.answers["auth.exchange_access_token"] = UnauthenticatedError(
            "token_invalid"
        )
        headers = {"Authorization": f"Bearer {prefix}x"}
        wrong = anonymous.get("/v1/me", headers=headers)
        limiter.refusal = RateLimitedError("rate_limited")
        limited = anonymous.get("/v1/me", headers=headers)

        assert (wrong.status_code, limited.status_code) == (401, 429)
        assert wrong.headers["RateLimit-Remaining"]
        assert [charge.limit for (charge,) in limiter.charges] == ["public"] * 2
        assert [call[0] for call in bus.calls] == ["auth.exchange_access_token"]

    def test_a_right_one_is_charged_to_its_address_once(
        self, anonymous, bus, limiter, make_token
    ):
        bus.answers["auth.exchange_access_token"] = {"access_token": make_token()}
        for _ in range(3):
            anonymous.get("/v1/me", headers={"Authorization": "Bearer rpat_x"})

        charged = [charge.limit for (charge,) in limiter.charges]
        assert charged == ["public", "read", "read", "read"]

    def test_a_missing_permission_is_403(self, anonymous, make_token, bus):
        header = f"Bearer {make_token(grants={'leads:read': 'all'})}"

        answer = anonymous.get("/v1/contacts", headers={"Authorization": header})

        assert (403, "permission_missing") == (answer.status_code, answer.json["code"])
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
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
