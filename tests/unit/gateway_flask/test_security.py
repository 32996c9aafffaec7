import json
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.errors import (
    DeadlineExceededError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    invalid_input,
)
from gateway_flask.app import create_app

ORIGIN = "https://app.example"
ASKING = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
ONE = "/v1/contacts/0190a0b0-0000-7000-8000-000000000001"
DOCUMENT = json.loads(
    (Path(__file__).parents[3] / "gateway_flask/openapi.json").read_text()
)


@pytest.fixture(scope="module")
def shared_app(settings, current):
    settings = replace(settings, cors_origins=frozenset({ORIGIN}), trusted_proxies=1)
    return create_app(settings, bus=current.bus, limiter=current.limiter)


@pytest.fixture
def shared(shared_app):
    return shared_app.test_client()


CREATE = "customer.create_contact"
JSON = {"Content-Type": "application/json"}
# Status, method, path, and what else brings that answer about.
ANSWERS = [
    (200, "GET", "/health/live", {}),
    (200, "GET", "/v1/me", {}),
    (200, "GET", "/docs", {"kept": "no-cache"}),
    (200, "GET", "/openapi.json", {"kept": "no-cache"}),
    (201, "POST", "/v1/contacts", {"data": b"{}", "headers": JSON}),
    (204, "DELETE", ONE, {}),
    (204, "OPTIONS", "/v1/me", {"headers": ASKING}),
    (304, "GET", ONE, {"headers": {"If-None-Match": "*"}}),
    (400, "POST", "/v1/contacts", {"data": b"{", "headers": JSON}),
    (401, "GET", "/v1/me", {"is_stranger": True}),
    (403, "GET", ONE, {"grants": {}}),
    (404, "GET", "/nothing", {}),
    (404, "GET", ONE, {"answer": NotFoundError("contact_not_found")}),
    (404, "GET", "/docs/assets/nothing", {}),
    (405, "PUT", "/v1/me", {}),
    (405, "POST", "/health/live", {}),
    (413, "POST", "/v1/contacts", {"data": b" " * (2**20 + 1), "headers": JSON}),
    (415, "POST", "/v1/contacts", {"data": b"{}"}),
    (422, "GET", ONE, {"answer": invalid_input([])}),
    (429, "GET", ONE, {"answer": RateLimitedError("rate_limited")}),
    (500, "GET", ONE, {"answer": ZeroDivisionError()}),
    (503, "GET", ONE, {"answer": UnavailableError("service_unavailable")}),
    (504, "GET", ONE, {"answer": DeadlineExceededError("deadline_exceeded")}),
]


@pytest.fixture
def ask(shared, bus, make_token):
    """Brings one of the answers about, from another origin."""

    def ask(case, headers):
        _, method, path, terms = case
        answer = terms.get("answer", {"id": ONE[-36:], "version": 1})
        bus.answers = dict.fromkeys(("customer.get_contact", CREATE), answer)
        given = {**headers, "Origin": ORIGIN, **terms.get("headers", {})}
        if not terms.get("is_stranger"):
            given["Authorization"] = f"Bearer {make_token(terms.get('grants'))}"
        return shared.open(path, method=method, data=terms.get("data"), headers=given)

    return ask


class TestHeaders:
    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("case", ANSWERS)
    def test_are_on_every_answer(self, ask, case, is_secure):
        response = ask(case, {"X-Forwarded-Proto": "https"} if is_secure else {})
        headers = response.headers

        assert response.status_code == case[0]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Request-Id"]
        assert headers["Cache-Control"] == case[3].get("kept", "no-store")
        assert headers["Access-Control-Allow-Origin"] == ORIGIN
        assert headers["Access-Control-Expose-Headers"]
        assert "Origin" in headers.get_all("Vary")
        assert ("Strict-Transport-Security" in headers) == is_secure

    def test_say_nothing_of_tls_and_origins_unless_told_to(self, client):
        headers = client.get("/health/live", headers={"Origin": ORIGIN}).headers

        assert "Strict-Transport-Security" not in headers
        assert "Access-Control-Allow-Origin" not in headers
        assert "Vary" not in headers

    @pytest.mark.parametrize("headers", [{}, {"If-None-Match": "known"}])
    def test_keep_pages_to_their_own_scripts(self, client, headers):
        if headers:
            headers = {"If-None-Match": client.get("/docs").headers["ETag"]}
        answer = client.get("/docs", headers=headers)
        policy = answer.headers["Content-Security-Policy"]

        assert answer.status_code == (304 if headers else 200)
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy

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
        assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]

    def test_lets_scripts_use_every_method_that_a_route_has(self, shared):
        rules = shared.application.url_map.iter_rules()
        methods = {method for rule in rules for method in rule.methods}
        headers = shared.options("/v1/leads", headers=ASKING).headers
        allowed = headers["Access-Control-Allow-Methods"].split(", ")

        # HEAD needs no leave.
        assert set(allowed) == methods - {"HEAD"}

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

    def test_lets_scripts_send_and_read_what_is_described(self, shared):
        """But for what browsers send and show anyway, or keep to themselves."""
        document = json.dumps(DOCUMENT)
        components = DOCUMENT["components"]
        parameters = [
            *components["parameters"].values(),
            *(
                each
                for methods in DOCUMENT["paths"].values()
                for operation in methods.values()
                for each in operation.get("parameters", [])
            ),
        ]
        sent = {each["name"] for each in parameters if each.get("in") == "header"}
        read = set(components["headers"])
        assert all(f"#/components/headers/{name}" in document for name in read)
        headers = shared.options("/v1/leads", headers=ASKING).headers
        accepted = headers["Access-Control-Allow-Headers"].split(", ")
        exposed = headers["Access-Control-Expose-Headers"].split(", ")

        assert {"Authorization", "Content-Type", *sent} <= set(accepted)
        kept = {"Allow", "Cache-Control", "Set-Cookie", "WWW-Authenticate"}
        assert read - kept <= set(exposed)
