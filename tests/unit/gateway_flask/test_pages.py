from dataclasses import replace

import pytest

from chassis.errors import RateLimitedError
from gateway_flask.app import create_app

SIGN_IN = {
    "step": "sign_in",
    "client_name": "Mail merge",
    "return_to": "https://merge.example/callback",
}


@pytest.fixture
def browser(settings, bus, limiter):
    bus.answers["auth.begin_authorization"] = SIGN_IN
    behind_tls = replace(settings, trusted_proxies=1)
    return create_app(behind_tls, bus=bus, limiter=limiter).test_client()


class TestCookie:
    def test_is_the_hosts_own_behind_tls(self, browser):
        secure = {"X-Forwarded-Proto": "https"}
        page = browser.get("/oauth/authorize?client_id=a", headers=secure)
        parts = page.headers["Set-Cookie"].split("; ")

        assert parts[0].startswith("__Host-rapport=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
        assert not any(part.startswith("Domain") for part in parts)

    def test_does_without_tls_where_there_is_none(self, browser):
        page = browser.get("/oauth/authorize?client_id=a")

        assert page.headers["Set-Cookie"].startswith("rapport=")
        assert "Secure" not in page.headers["Set-Cookie"]

    def test_that_is_there_stays(self, browser):
        browser.get("/oauth/authorize?client_id=a")

        assert "Set-Cookie" not in browser.get("/oauth/authorize?client_id=a").headers


class TestForms:
    def test_let_the_answer_go_where_it_belongs_only(self, browser):
        policy = browser.get("/oauth/authorize?client_id=a").headers[
            "Content-Security-Policy"
        ]

        assert "form-action 'self' https://merge.example;" in policy

    def test_repeat_nothing_that_was_not_checked(self, browser, limiter):
        limiter.refusal = RateLimitedError("rate_limited", "Wait.")
        page = browser.post(
            "/oauth/sign-in",
            data={"client_name": "Your bank", "return_to": "https://evil.example/"},
        )

        assert page.status_code == 429
        assert "Your bank" not in page.text
        assert "evil" not in page.headers["Content-Security-Policy"]

    def test_are_charged_to_the_account_they_name(self, browser, limiter):
        browser.post("/oauth/sign-in", data={"email": "ada@example.test"})

        assert [each.limit for each in limiter.charges[-1]] == ["login", "account"]
