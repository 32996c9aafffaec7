from dataclasses import replace

import pytest

from gateway_flask.app import create_app

ORIGIN = "https://app.example"
ASKING = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}


@pytest.fixture
def shared(settings, bus, limiter):
    settings = replace(settings, cors_origins=frozenset({ORIGIN}), trusted_proxies=1)
    return create_app(settings, bus=bus, limiter=limiter).test_client()


class TestHeaders:
    @pytest.mark.parametrize("path", ["/health/live", "/nothing", "/v1/me"])
    def test_are_on_every_answer(self, client, path):
        headers = client.get(path).headers

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
        assert "Access-Control-Allow-Origin" not in headers

    def test_insist_on_tls_behind_a_proxy_that_speaks_it(self, shared):
        headers = shared.get("/health/live", headers={"X-Forwarded-Proto": "https"})

        assert "Strict-Transport-Security" in headers.headers

    def test_do_not_believe_a_client_about_tls(self, client):
        answer = client.get("/health/live", headers={"X-Forwarded-Proto": "https"})

        assert "Strict-Transport-Security" not in answer.headers


class TestCors:
    def test_is_off_by_default(self, client):
        answer = client.options("/v1/me", headers=ASKING)

        assert answer.status_code == 405

    def test_lets_a_listed_origin_ask(self, shared):
        answer = shared.options("/v1/leads", headers=ASKING)

        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]

    def test_lets_a_listed_origin_read(self, shared):
        answer = shared.get("/health/live", headers={"Origin": ORIGIN})

        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"

    @pytest.mark.parametrize(
        "origin", [ORIGIN + ".evil.example", "http://app.example", "null"]
    )
    def test_knows_origins_exactly(self, shared, origin):
        answer = shared.get("/health/live", headers={"Origin": origin})

        assert "Access-Control-Allow-Origin" not in answer.headers
