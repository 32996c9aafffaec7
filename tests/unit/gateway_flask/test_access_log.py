import logging

ID = "0190a0b0-0000-7000-8000-000000000001"


def lines(caplog):
    return [r for r in caplog.records if r.getMessage() == "request"]


class TestAccessLog:
    def test_says_who_asked_for_what(self, client, caplog):
        with caplog.at_level(logging.INFO):
            answer = client.get(f"/v1/contacts/{ID}?q=secret")

        line = lines(caplog)[0]

        assert line.request_id == answer.headers["X-Request-Id"]
        assert (line.method, line.route) == ("GET", "/v1/contacts/<id:contact_id>")
        assert line.status == 200
        assert line.org_id.endswith("0a")
        assert line.principal_id.endswith("0b")
        assert line.duration_ms >= 0

    def test_has_no_body_token_or_query(self, client, caplog):
        with caplog.at_level(logging.DEBUG):
            client.get("/v1/contacts?q=secret1")
            client.post("/v1/contacts", json={"name": "secret2"})

        text = " ".join(str(record.__dict__) for record in caplog.records)

        assert "secret" not in text
        assert "Bearer" not in text

    def test_names_the_code_of_a_refusal(self, anonymous, caplog):
        with caplog.at_level(logging.INFO):
            anonymous.get("/v1/me")

        assert (401, "token_missing") == (
            lines(caplog)[0].status,
            lines(caplog)[0].code,
        )

    def test_leaves_health_out(self, anonymous, caplog):
        with caplog.at_level(logging.INFO):
            anonymous.get("/health/live")

        assert lines(caplog) == []
