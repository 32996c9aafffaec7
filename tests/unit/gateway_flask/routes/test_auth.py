import pytest


class TestLogin:
    def test_tells_the_service_where_it_comes_from(self, anonymous, bus):
        anonymous.post("/v1/auth/login", json={"email": "a@b.example"})

        assert bus.calls[0][1] == {
            "payload": {"email": "a@b.example"},
            "address": "127.0.0.1",
        }


class TestRegisterOrg:
    def test_names_the_place_of_the_new_org(self, anonymous):
        answer = anonymous.post("/v1/auth/register-org", json={"org_name": "x"})

        assert answer.headers["Location"] == "/v1/orgs/current"


class TestJwks:
    @pytest.fixture
    def keys(self, bus):
        bus.answers["auth.get_jwks"] = {"keys": []}
        return bus

    @pytest.mark.usefixtures("keys")
    def test_may_be_kept_by_everybody(self, anonymous):
        answer = anonymous.get("/.well-known/jwks.json")

        assert answer.json == {"keys": []}
        assert answer.headers["Cache-Control"] == "public, max-age=300"

    def test_are_asked_for_once_in_a_while(self, anonymous, keys):
        for _ in range(3):
            anonymous.get("/.well-known/jwks.json")

        assert len(keys.calls) == 1
