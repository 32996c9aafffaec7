"""Who did what about security, as an organization's administrators read it."""

from pathlib import Path
from urllib.parse import quote

import pytest
from authenticators import turn_on
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e

AGENT = "A browser, to be told by"
WRONG = {"password": "not the right one"}


def entries(client, **filters):
    asked = "&".join(
        f"filter[{name}]={quote(value)}" for name, value in filters.items()
    )
    status, answer, _ = client("GET", f"/v1/audit-log?{asked}")
    assert status == 200, answer
    return answer["data"]


def noted(client, action, **filters):
    """The entries of an action, once there are some."""
    return until(lambda: entries(client, action=action, **filters))


def started(client, count):
    """The entries of sessions, once there are so many."""

    def all_of_them():
        found = entries(client, action="auth.session_started")
        return len(found) == count and found

    return until(all_of_them)


def log_in(client, **changes):
    """The status of a login, asked again while an address may not do so."""
    credentials = {**client.credentials, **changes}
    return client.patiently("POST", "/v1/auth/login", credentials, User_Agent=AGENT)[:2]


@pytest.fixture
def me(client):
    return client("GET", "/v1/me")[1]["id"]


class TestLogins:
    def test_are_noted_with_where_they_came_from(self, client, me):
        status, _ = log_in(client)
        entry = started(client, 2)[0]

        assert status == 200
        assert entry["actor"] == {"type": "person", "id": me}
        assert entry["target"]["type"] == "session"
        assert entry["person_id"] == me
        assert entry["address"] == "127.0.0.1"
        assert entry["user_agent"] == AGENT
        assert entry["data"]["kind"] == "login"
        assert len(entry["seal"]) == 64

    def test_that_fail_are_noted_for_whom_they_were(self, client, me):
        status, _ = log_in(client, **WRONG)
        (entry,) = noted(client, "auth.login_failed")

        assert status == 401
        assert entry["actor"]["type"] == "anonymous"
        assert entry["target"] == {"type": "user", "id": me}
        assert entry["data"]["reason"] == "password"
        assert entry["address"] == "127.0.0.1"

    def test_that_fail_at_the_second_factor_are_noted(self, client, me):
        turn_on(client)
        log_in(client, otp="000000")
        (entry,) = noted(client, "auth.login_failed")

        assert entry["data"] == {"person_id": me, "reason": "otp"}
        assert noted(client, "auth.second_factor_added")[0]["person_id"] == me

    def test_that_fail_are_all_noted_under_one_key(self, client):
        own = {**client.credentials, **WRONG}
        login = ("POST", "/v1/auth/login", own)
        for _ in range(3):
            client.patiently(*login, Authorization="none", Idempotency_Key="x")
        current = {"current_password": own["password"], "password": "never to be"}
        client("POST", "/v1/me/password", current, Idempotency_Key="x")
        client("POST", "/v1/me/password", current, Idempotency_Key="x")

        until(lambda: len(entries(client, action="auth.login_failed")) == 5)

    def test_to_accounts_of_others_are_not(self, client, newcomer):
        log_in(newcomer(), **WRONG)
        log_in(client, email="nobody@example.test")
        log_in(client, **WRONG)

        assert len(noted(client, "auth.login_failed")) == 1


class TestChanges:
    def test_of_a_password_are_noted(self, client, me):
        payload = {
            "current_password": client.credentials["password"],
            "password": "another long and secret one",
        }
        until(lambda: client("POST", "/v1/me/password", payload)[0] == 204)
        (entry,) = noted(client, "auth.password_changed")

        assert entry["actor"] == {"type": "person", "id": me}
        assert entry["data"] == {"person_id": me, "reason": "changed"}

    def test_of_roles_say_what_differs(self, client):
        role = {"key": "helper", "name": "Helper", "grants": {"leads": {"read": "own"}}}
        made = client("POST", "/v1/roles", role)[1]
        patch = {"grants": {"leads": {"read": "team"}}}
        client("PATCH", f"/v1/roles/{made['id']}", patch)
        (entry,) = noted(client, "auth.role_updated")

        assert entry["target"] == {"type": "role", "id": made["id"]}
        assert entry["changes"]["grants"] == {
            "from": {"leads": {"read": "own"}},
            "to": {"leads": {"read": "team"}},
        }

    def test_of_tokens_are_noted(self, client):
        payload = {"name": "A program", "scope": ["leads:read"], "expires_in_days": 1}
        status, token, _ = client("POST", "/v1/access-tokens", payload)
        assert status == 201, token
        client("DELETE", f"/v1/access-tokens/{token['id']}")
        (ended,) = noted(client, "auth.session_revoked")
        begun = [
            each
            for each in noted(client, "auth.session_started")
            if each["data"]["kind"] == "personal_token"
        ]

        assert [each["target"]["id"] for each in begun] == [token["id"]]
        assert ended["target"]["id"] == token["id"]
        assert begun[0]["data"]["scope"] == ["leads:read"]


class TestList:
    def test_is_paged_and_filtered_like_any_other(self, client, me):
        log_in(client)
        started = until(
            lambda: (
                len(entries(client, action="auth.session_started")) == 2
                and entries(client, action="auth.session_started")
            )
        )
        times = [each["occurred_at"] for each in started]

        assert times == sorted(times, reverse=True)
        assert entries(client, person_id=me, action="auth.session_started") == started
        assert entries(client, request_id=started[0]["request_id"]) == started[:1]
        _, first, _ = client("GET", "/v1/audit-log?limit=1&include=count")
        assert first["page"]["count"] >= 4
        cursor = quote(first["page"]["next_cursor"])
        _, second, _ = client("GET", f"/v1/audit-log?limit=1&cursor={cursor}")
        assert second["data"][0]["occurred_at"] <= first["data"][0]["occurred_at"]
        assert second["data"] != first["data"]

    def test_takes_times_as_others_do(self, client):
        noted(client, "auth.session_started")
        # What else the registration did may be noted a moment later.
        until(lambda: entries(client, occurred_at="today") == entries(client))
        _, none, _ = client("GET", "/v1/audit-log?filter[occurred_at][lt]=2020-01-01")
        _, wrong, _ = client("GET", "/v1/audit-log?filter[occurred_at]=whenever")

        assert none["data"] == []
        assert wrong["code"] == "invalid_filter"

    def test_holds_nothing_personal_and_nothing_secret(self, client, status):
        log_in(client, **WRONG)
        noted(client, "auth.login_failed")
        text = str(entries(client))
        logs = Path(status["mailbox"]).parent / "logs"

        for secret in (
            client.credentials["email"],
            client.credentials["password"],
            WRONG["password"],
            client.tokens["access_token"],
            client.tokens["refresh_token"],
        ):
            assert secret not in text
            assert not [
                path.name for path in logs.iterdir() if secret in path.read_text()
            ]

    def test_is_for_whoever_may_read_it(self, client, newcomer, status):
        member = recruit(status, newcomer, client, "sales-rep")
        code, answer, _ = member("GET", "/v1/audit-log")

        assert (code, answer["code"]) == (403, "permission_missing")
