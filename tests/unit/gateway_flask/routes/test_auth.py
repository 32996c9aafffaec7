class TestLogin:
    def test_tells_the_service_where_it_comes_from(self, anonymous, bus):
        browser = {"User-Agent": "A browser"}
        credentials = {"email": "a@b.example"}
        anonymous.post("/v1/auth/login", json=credentials, headers=browser)

        _, kwargs, context, _ = bus.calls[0]
        assert kwargs == {"payload": {"email": "a@b.example"}}
        assert context["address"] == "127.0.0.1"
        assert context["user_agent"] == "A browser"

    def test_tells_no_other_service(self, client, bus):
        client.get("/v1/contacts")

        assert "address" not in bus.calls[-1][2]


class TestRegisterOrg:
    def test_names_the_place_of_the_new_org(self, anonymous):
        answer = anonymous.post("/v1/auth/register-org", json={"org_name": "x"})

        assert answer.headers["Location"] == "/v1/orgs/current"


class TestJwks:
    def test_may_be_kept_by_everybody_for_a_minute(self, anonymous, bus, signer):
        answer = anonymous.get("/.well-known/jwks.json")

        assert answer.json == signer[1].public_document("auth")
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert bus.calls == []
