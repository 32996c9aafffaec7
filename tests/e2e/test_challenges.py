"""Links by e-mail: forgotten passwords, and whose address it is."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import requests
from authenticators import turn_on
from browsers import Browser
from letters import links_to, subjects_to
from members import recruit
from pymongo import MongoClient
from waiting import until

pytestmark = pytest.mark.e2e

NEW = "a new and secret one"
RESET = "/v1/auth/password-reset"


@pytest.fixture
def letters(status):
    return partial(links_to, status)


@pytest.fixture
def link(letters):
    """The token in the only message with a link that an address got."""

    def wait(email, page):
        ((_, token),) = until(lambda: letters(email, page))
        return token

    return wait


@pytest.fixture
def people(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as mongo:
        yield mongo["rapport_auth"]["people"]


@pytest.fixture
def challenges(people):
    return people.database["challenges"]


def ask(client, method, path, payload=None):
    """Status and code; where one address may not do so for now, a bit later."""
    status, answer, _ = client.patiently(method, path, payload)
    return status, answer["code"] if status >= 400 else None


def reset(client, token, password=NEW):
    return ask(
        client, "POST", f"{RESET}/confirm", {"token": token, "password": password}
    )


def log_in(client, password):
    credentials = {"email": client.email, "password": password}
    return ask(client, "POST", "/v1/auth/login", credentials)


class TestForgottenPasswords:
    def test_are_replaced_once_and_end_all_sessions(self, client, link):
        assert ask(client, "POST", RESET, {"email": client.email.upper()}) == (
            202,
            None,
        )
        token = link(client.email, "new-password")

        assert reset(client, token, "password123") == (422, "password_too_common")
        assert reset(client, token) == (204, None)
        assert reset(client, token, "yet another one") == (422, "link_invalid")
        assert log_in(client, client.credentials["password"])[0] == 401
        assert log_in(client, NEW) == (200, None)
        refresh = {"refresh_token": client.tokens["refresh_token"]}
        assert ask(client, "POST", "/v1/auth/refresh", refresh)[0] == 401

    def test_show_that_the_address_is_ones_own(self, client, link, people):
        ask(client, "POST", RESET, {"email": client.email})
        reset(client, link(client.email, "new-password"))

        assert people.find_one({"email": client.email})["email_verified"]

    def test_of_nobody_are_asked_for_alike(self, client, challenges, letters):
        nobody = f"{uuid.uuid4().hex}@example.test"

        assert ask(client, "POST", RESET, {"email": nobody}) == (202, None)
        issued = until(lambda: challenges.find_one({"email_key": nobody}))
        until(lambda: not challenges.find_one({"_id": issued["_id"]})["pending_events"])
        ask(client, "POST", RESET, {"email": client.email})
        until(lambda: letters(client.email, "new-password"))
        assert letters(nobody) == []

    def test_are_sent_once_a_minute(self, client, challenges, link):
        for _ in range(3):
            assert ask(client, "POST", RESET, {"email": client.email}) == (202, None)

        assert link(client.email, "new-password")
        asked = {"email_key": client.email, "kind": "password_reset"}
        assert challenges.count_documents(asked) == 1

    def test_are_void_once_the_password_has_changed(self, client, link):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        change = {
            "current_password": client.credentials["password"],
            "password": "changed meanwhile",
        }
        assert ask(client, "POST", "/v1/me/password", change) == (204, None)

        assert reset(client, token) == (422, "link_invalid")

    def test_are_void_after_an_hour(self, client, link, challenges):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        asked = {"email_key": client.email, "kind": "password_reset"}
        issued = challenges.find_one(asked)
        life = issued["expires_at"] - issued["created_at"]
        assert life.total_seconds() == 3_600
        challenges.update_one(
            {"_id": issued["_id"]}, {"$set": {"expires_at": issued["created_at"]}}
        )

        assert reset(client, token) == (422, "link_invalid")

    def test_cannot_be_guessed_or_used_for_something_else(self, client, link):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        challenge_id, _, code = token.partition(".")

        for forged in (
            challenge_id,
            f"{challenge_id}.{'A' * len(code)}",
            f"{uuid.uuid4()}.{code}",
            f"{token}x",
            "\u00e9" * 60,
            "x",
        ):
            assert reset(client, forged) == (422, "link_invalid")
        verify = {"token": token}
        assert ask(client, "POST", "/v1/auth/verify-email", verify)[1] == "link_invalid"
        assert reset(client, token)[0] == 204

    def test_set_by_many_at_once_are_set_once(self, client, link):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        with ThreadPoolExecutor(4) as pool:
            passwords = [f"{NEW} {each}" for each in range(4)]
            found = list(pool.map(partial(reset, client, token), passwords))

        assert sorted(found) == [(204, None)] + 3 * [(422, "link_invalid")]

    def test_leave_no_link_in_logs_events_or_the_database(
        self, client, link, status, people
    ):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        reset(client, token)
        code = token.partition(".")[2]
        logs = (Path(status["mailbox"]).parent / "logs").glob("*.log")

        assert [each.name for each in logs if code in each.read_text()] == []
        log = people.database["event_log"]
        rows = list(log.find({"event": "auth.challenge_issued"}, {"_id": 0}))
        assert rows
        assert client.email not in json.dumps(rows, default=str)
        asked = {"email_key": client.email, "kind": "password_reset"}
        challenge = people.database["challenges"].find_one(asked)
        assert code not in json.dumps(challenge, default=str)


class TestSquatters:
    """They register with the address of somebody who has not come yet."""

    @pytest.fixture
    def squatter(self, client):
        payload = {"name": "Theirs", "scope": ["contacts:read"]}
        turn_on(client)
        client.program = client("POST", "/v1/access-tokens", payload)[1]["token"]
        return client

    def test_do_not_keep_the_owner_out_by_a_second_factor(self, squatter, link, status):
        ask(squatter, "POST", RESET, {"email": squatter.email})
        assert reset(squatter, link(squatter.email, "new-password")) == (204, None)

        credentials = {"email": squatter.email, "password": NEW}
        code, tokens, _ = squatter.patiently("POST", "/v1/auth/login", credentials)
        assert code == 200, tokens
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert not squatter("GET", "/v1/auth/mfa", **bearer)[1]["is_on"]
        removed = "/v1/audit-log?filter[action]=auth.second_factor_removed"
        until(lambda: squatter("GET", removed, **bearer)[1]["data"])
        said = "Your second factor was changed"
        until(lambda: said in subjects_to(status, squatter.email))

    def test_keep_nothing_they_made(self, squatter, link):
        ask(squatter, "POST", RESET, {"email": squatter.email})
        reset(squatter, link(squatter.email, "new-password"))

        for token in (squatter.token, squatter.program):
            bearer = {"Authorization": f"Bearer {token}"}
            until(lambda bearer=bearer: squatter("GET", "/v1/me", **bearer)[0] == 401)

    def test_are_not_those_who_have_verified_their_address(
        self, squatter, link, people
    ):
        verified = {"$set": {"email_verified": True}}
        people.update_one({"email": squatter.email}, verified)
        ask(squatter, "POST", RESET, {"email": squatter.email})
        reset(squatter, link(squatter.email, "new-password"))

        assert log_in(squatter, NEW) == (401, "otp_required")


class TestAddresses:
    def test_are_asked_about_by_registering(self, client, link, letters):
        payload = {"token": link(client.email, "verify-email")}
        # Asked for once more in the same minute, none is sent.
        assert ask(client, "POST", "/v1/me/email-verification") == (202, None)

        assert ask(client, "POST", "/v1/auth/verify-email", payload) == (204, None)
        assert client("GET", "/v1/me")[1]["email_verified"]
        assert len(letters(client.email)) == 1

    def test_are_verified_by_a_link(self, client, link):
        assert not client("GET", "/v1/me")[1]["email_verified"]
        verification = "POST", "/v1/me/email-verification"
        assert ask(client, *verification) == (202, None)
        payload = {"token": link(client.email, "verify-email")}

        assert ask(client, "POST", "/v1/auth/verify-email", payload) == (204, None)
        assert client("GET", "/v1/me")[1]["email_verified"]
        again = ask(client, "POST", "/v1/auth/verify-email", payload)
        assert again == (422, "link_invalid")

    def test_are_changed_by_a_link_to_the_new_one(self, status, client, newcomer, link):
        member = recruit(status, newcomer, client, "analyst")
        new = f"{uuid.uuid4().hex}@example.test"
        change = {"email": new, "current_password": member.credentials["password"]}
        assert ask(member, "POST", "/v1/me/email", change) == (202, None)
        payload = {"token": link(new, "verify-email")}
        assert log_in(member, member.credentials["password"])[0] == 200

        assert ask(member, "POST", "/v1/auth/verify-email", payload) == (204, None)
        assert log_in(member, member.credentials["password"])[0] == 401
        member.email = new
        assert log_in(member, member.credentials["password"])[0] == 200
        until(lambda: member("GET", "/v1/me")[0] == 401)
        seen = client("GET", f"/v1/users/{member.user_id}")[1]
        assert seen["email"] == new

    def test_that_are_somebody_elses_are_refused_at_the_end(
        self, client, newcomer, letters, link
    ):
        other = newcomer()
        own = link(other.email, "verify-email")
        change = {
            "email": other.email,
            "current_password": client.credentials["password"],
        }
        assert ask(client, "POST", "/v1/me/email", change) == (202, None)
        sent = until(lambda: {token for _, token in letters(other.email)} - {own})
        payload = {"token": sent.pop()}

        refused = ask(client, "POST", "/v1/auth/verify-email", payload)
        assert refused == (409, "email_taken")
        assert log_in(client, client.credentials["password"])[0] == 200

    def test_are_not_changed_without_the_password(self, client):
        change = {"email": "x@example.test", "current_password": "not that"}

        found = ask(client, "POST", "/v1/me/email", change)
        assert found == (422, "current_password_wrong")


class TestNotices:
    def test_tell_of_another_password(self, client, status):
        change = {
            "current_password": client.credentials["password"],
            "password": NEW,
        }
        assert ask(client, "POST", "/v1/me/password", change) == (204, None)

        until(lambda: "Your password was changed" in subjects_to(status, client.email))

    def test_tell_the_former_address_of_another_one(self, client, link, status):
        new = f"{uuid.uuid4().hex}@example.test"
        change = {"email": new, "current_password": client.credentials["password"]}
        ask(client, "POST", "/v1/me/email", change)
        payload = {"token": link(new, "verify-email")}
        assert ask(client, "POST", "/v1/auth/verify-email", payload) == (204, None)

        said = "Your e-mail address was changed"
        until(lambda: said in subjects_to(status, client.email))
        assert said not in subjects_to(status, new)

    def test_tell_of_a_second_factor(self, client, status):
        turn_on(client)

        said = "Your second factor was changed"
        until(lambda: said in subjects_to(status, client.email))


class TestPages:
    @pytest.fixture
    def browser(self, status):
        return Browser(status["gateway"])

    def test_lead_from_signing_in_to_a_new_password(
        self, client, browser, link, status
    ):
        browser.go(f"{status['gateway']}/account/forgot-password")
        browser.submit(email=client.email)
        assert "on its way" in browser.page.text
        token = link(client.email, "new-password")
        browser.go(f"{status['gateway']}/account/new-password?token={token}")
        browser.submit(password="password123")  # noqa: S106
        assert "Too many would guess this password." in browser.page.text
        browser.submit(password=NEW)

        assert "Your new password is set" in browser.page.text
        assert log_in(client, NEW)[0] == 200

    def test_change_nothing_before_they_are_sent(self, client, browser, link, status):
        ask(client, "POST", "/v1/me/email-verification")
        token = link(client.email, "verify-email")
        browser.go(f"{status['gateway']}/account/verify-email?token={token}")
        assert not client("GET", "/v1/me")[1]["email_verified"]
        browser.submit()

        assert "is yours" in browser.page.text
        assert client("GET", "/v1/me")[1]["email_verified"]

    def test_take_no_forms_of_elsewhere(self, client, link, status):
        ask(client, "POST", RESET, {"email": client.email})
        token = link(client.email, "new-password")
        address = f"{status['gateway']}/account/new-password?token={token}"
        answer = requests.post(address, data={"password": NEW}, timeout=20)

        assert answer.status_code == 403
        assert "This form is not good any more" in answer.text
