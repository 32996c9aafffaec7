"""Becoming a member of an organization by a link in a message."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from authenticators import turn_on
from browsers import Browser
from letters import links_to
from members import recruit
from pymongo import MongoClient
from waiting import until

pytestmark = pytest.mark.e2e

PATH = "/v1/invitations"
ACCEPT = "/v1/auth/invitations/accept"
PREVIEW = "/v1/auth/invitations/preview"
NEW = "a new and secret one"


def ask(client, method, path, payload=None):
    """Status and answer; where one address may not do so for now, a bit later."""
    return client.patiently(method, path, payload)[:2]


def refusal(found):
    status, answer = found
    return status, answer["code"]


def invite(client, email=None, *roles, **more):
    payload = {
        "email": email or f"{uuid.uuid4().hex}@example.test",
        "roles": roles or ["analyst"],
        **more,
    }
    return ask(client, "POST", PATH, payload)


def log_in(client, email, password, org_id=None):
    payload = {"email": email, "password": password, "org_id": org_id}
    return ask(client, "POST", "/v1/auth/login", payload)


@pytest.fixture
def token(status):
    """What the last link in an invitation to an address holds."""

    def wait(email, count=1):
        found = until(
            lambda: (
                len(links := links_to(status, email, "invitation")) >= count and links
            )
        )
        return found[-1][1]

    return wait


@pytest.fixture
def auth_database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as mongo:
        yield mongo["rapport_auth"]


class TestNewcomers:
    def test_become_members_with_a_password_of_their_own(self, client, token):
        code, made = invite(client, None, "analyst", name="Grace")
        assert (code, made["status"]) == (201, "pending")
        link = {"token": token(made["email"])}
        _, shown = ask(client, "POST", PREVIEW, link)
        assert shown == {
            "org_name": "Acme",
            "inviter_name": "Ada",
            "email": made["email"],
            "name": "Grace",
            "needs_password": True,
        }
        refused = refusal(ask(client, "POST", ACCEPT, link))
        assert refused == (422, "password_needed")
        common = refusal(
            ask(client, "POST", ACCEPT, {**link, "password": "password123"})
        )
        assert common == (422, "password_too_common")

        code, joined = ask(client, "POST", ACCEPT, {**link, "password": NEW})
        assert (code, joined["email"]) == (200, made["email"])
        code, tokens = log_in(client, made["email"], NEW, joined["org_id"])
        assert code == 200
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        _, me, _ = client("GET", "/v1/me", **bearer)
        assert (me["name"], me["roles"]) == ("Grace", ["analyst"])
        assert me["email_verified"]
        again = refusal(ask(client, "POST", ACCEPT, {**link, "password": NEW}))
        assert again == (422, "link_invalid")
        _, accepted = ask(client, "GET", f"{PATH}/{made['id']}")
        assert accepted["status"] == "accepted"
        assert accepted["person_id"] == me["id"]

    def test_accept_once_however_often_they_try(self, client, token):
        _, made = invite(client)
        link = {"token": token(made["email"]), "password": NEW}
        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(lambda _: ask(client, "POST", ACCEPT, link), range(4))
            )

        assert sorted(status for status, _ in found).count(200) == 1
        assert all(
            answer["code"] in {"link_invalid", "email_taken", "already_member"}
            for status, answer in found
            if status != 200
        )
        users = client("GET", f"/v1/users?filter[email]={made['email']}")[1]["data"]
        assert len(users) == 1


class TestThoseWhoAreRegistered:
    def test_join_without_a_password_if_the_address_is_theirs(
        self, client, newcomer, token, auth_database
    ):
        other = newcomer()
        verified = {"$set": {"email_verified": True}}
        auth_database["people"].update_one({"email": other.email}, verified)
        invite(client, other.email)
        link = {"token": token(other.email)}
        assert not ask(client, "POST", PREVIEW, link)[1]["needs_password"]

        code, joined = ask(client, "POST", ACCEPT, link)
        assert code == 200
        assert len(other("GET", "/v1/me/orgs")[1]["data"]) == 2
        payload = {"org_id": joined["org_id"]}
        assert ask(other, "POST", "/v1/auth/switch-org", payload)[0] == 200

    def test_lose_their_sessions_if_the_address_may_not_be_theirs(
        self, client, newcomer, token
    ):
        """Somebody registers with another's address and waits for an invitation."""
        squatter = newcomer()
        invite(client, squatter.email)
        link = {"token": token(squatter.email)}
        refused = refusal(ask(client, "POST", ACCEPT, link))
        assert refused == (422, "password_needed")

        code, joined = ask(client, "POST", ACCEPT, {**link, "password": NEW})
        assert code == 200
        until(lambda: squatter("GET", "/v1/me")[0] == 401)
        old = log_in(client, squatter.email, squatter.credentials["password"])
        assert refusal(old) == (401, "credentials_invalid")
        assert log_in(client, squatter.email, NEW, joined["org_id"])[0] == 200

    def test_are_not_kept_out_by_what_a_squatter_turned_on(
        self, client, newcomer, token
    ):
        squatter = newcomer()
        turn_on(squatter)
        invite(client, squatter.email)
        link = {"token": token(squatter.email), "password": NEW}
        code, joined = ask(client, "POST", ACCEPT, link)

        assert code == 200
        assert log_in(client, squatter.email, NEW, joined["org_id"])[0] == 200

    def test_come_back_with_the_roles_they_are_invited_to(
        self, status, client, newcomer, token
    ):
        member = recruit(status, newcomer, client, "admin")
        assert client("DELETE", f"/v1/users/{member.user_id}")[0] == 204
        invite(client, member.email, "read_only")
        link = {"token": token(member.email), "password": NEW}

        assert ask(client, "POST", ACCEPT, link)[0] == 200
        assert client("GET", f"/v1/users/{member.user_id}")[1]["roles"] == ["read_only"]

    def test_are_not_invited_where_they_are(self, status, client, newcomer):
        member = recruit(status, newcomer, client, "analyst")

        assert refusal(invite(client, member.email)) == (409, "already_member")


class TestInvitations:
    def test_are_one_at_a_time_for_an_address(self, client):
        _, made = invite(client)

        again = refusal(invite(client, made["email"].upper()))
        assert again == (409, "already_invited")

    def test_are_taken_back(self, client, token):
        _, made = invite(client)
        link = {"token": token(made["email"]), "password": NEW}
        assert client("DELETE", f"{PATH}/{made['id']}")[0] == 204

        seen = {"token": link["token"]}
        assert refusal(ask(client, "POST", PREVIEW, seen)) == (422, "link_invalid")
        assert refusal(ask(client, "POST", ACCEPT, link)) == (422, "link_invalid")
        assert client("GET", f"{PATH}/{made['id']}")[0] == 404
        _, page, _ = client("GET", f"{PATH}?filter[archived_at][exists]=true")
        assert [each["status"] for each in page["data"]] == ["revoked"]
        assert invite(client, made["email"])[0] == 201

    def test_are_sent_again(self, client, token, auth_database):
        _, made = invite(client)
        token(made["email"])
        challenges = auth_database["challenges"]
        moment = challenges.find_one({"email_key": made["email"]})["created_at"]
        minutes_ago = {"$set": {"created_at": moment - timedelta(minutes=2)}}
        challenges.update_many({"email_key": made["email"]}, minutes_ago)

        assert ask(client, "POST", f"{PATH}/{made['id']}/resend")[0] == 200
        link = {"token": token(made["email"], 2), "password": NEW}
        assert ask(client, "POST", ACCEPT, link)[0] == 200
        over = refusal(ask(client, "POST", f"{PATH}/{made['id']}/resend"))
        assert over == (409, "invitation_is_over")

    def test_expire(self, client, token, auth_database):
        _, made = invite(client)
        link = {"token": token(made["email"]), "password": NEW}
        auth_database["invitations"].update_one(
            {"_id": made["id"]}, [{"$set": {"expires_at": "$created_at"}}]
        )

        assert refusal(ask(client, "POST", ACCEPT, link)) == (422, "link_invalid")
        assert client("GET", f"{PATH}/{made['id']}")[1]["status"] == "expired"
        assert invite(client, made["email"])[0] == 201

    def test_are_void_once_who_invited_has_left(self, status, client, newcomer, token):
        admin = recruit(status, newcomer, client, "admin")
        _, made = invite(admin)
        link = {"token": token(made["email"]), "password": NEW}
        patch = {"roles": ["analyst"]}
        assert client("PATCH", f"/v1/users/{admin.user_id}", patch)[0] == 200
        assert refusal(ask(client, "POST", ACCEPT, link)) == (422, "link_invalid")
        patch = {"roles": ["admin"]}
        assert client("PATCH", f"/v1/users/{admin.user_id}", patch)[0] == 200
        assert ask(client, "POST", PREVIEW, {"token": link["token"]})[0] == 200

        assert client("DELETE", f"/v1/users/{admin.user_id}")[0] == 204
        assert refusal(ask(client, "POST", ACCEPT, link)) == (422, "link_invalid")

    def test_are_of_whoever_sends_them_again(self, status, client, newcomer, token):
        admin = recruit(status, newcomer, client, "admin")
        _, made = invite(admin)
        link = {"token": token(made["email"]), "password": NEW}
        assert client("DELETE", f"/v1/users/{admin.user_id}")[0] == 204
        resent = ask(client, "POST", f"{PATH}/{made['id']}/resend")

        assert (resent[0], resent[1]["owner_id"]) == (
            200,
            client("GET", "/v1/me")[1]["id"],
        )
        assert ask(client, "POST", ACCEPT, link)[0] == 200

    @pytest.mark.parametrize(
        ("roles", "expected"),
        [
            (["owner"], (409, "owner_is_fixed")),
            (["nobody"], (422, "reference_not_found")),
            ([], (422, "invalid_input")),
            (["admin", "admin"], (422, "invalid_input")),
        ],
    )
    def test_are_to_roles_that_can_be_given(self, client, roles, expected):
        payload = {"email": f"{uuid.uuid4().hex}@example.test", "roles": roles}

        assert refusal(ask(client, "POST", PATH, payload)) == expected

    def test_give_nobody_more_than_who_invites_has(self, status, client, newcomer):
        grants = {"users": {"read": "all", "write": "all"}}
        key = f"x{uuid.uuid4().hex[:20]}"
        role = {"key": key, "name": "Clerk", "grants": grants}
        assert client("POST", "/v1/roles", role)[0] == 201
        clerk = recruit(status, newcomer, client, key)

        assert refusal(invite(clerk, None, "admin")) == (403, "grant_beyond_own")
        assert invite(clerk, None, key)[0] == 201

    def test_are_for_those_who_may(self, status, client, newcomer):
        manager = recruit(status, newcomer, client, "manager")

        assert refusal(invite(manager)) == (403, "permission_missing")
        assert refusal(ask(manager, "GET", PATH)) == (403, "permission_missing")

    def test_repeated_with_a_key_are_one(self, client):
        email = f"{uuid.uuid4().hex}@example.test"
        payload = {"email": email, "roles": ["analyst"]}
        create = partial(client, "POST", PATH, payload, Idempotency_Key="once")

        assert create()[1]["id"] == create()[1]["id"]


class TestThePage:
    def test_takes_a_name_and_a_password(self, client, token, status):
        _, made = invite(client)
        browser = Browser(status["gateway"])
        address = f"{status['gateway']}/account/invitation"
        address = f"{address}?token={token(made['email'])}"
        browser.go(address)
        assert "invites you to work with" in browser.page.text
        browser.submit(name="Grace", password="password123")  # noqa: S106
        assert "Too many would guess this password." in browser.page.text
        assert "Try again" in browser.page.text
        browser.go(address)
        browser.submit(name="Grace", password=NEW)

        assert "You are a member of Acme" in browser.page.text
        assert log_in(client, made["email"], NEW)[0] == 200

    def test_says_so_if_the_link_is_not_good(self, status):
        browser = Browser(status["gateway"])
        browser.go(f"{status['gateway']}/account/invitation?token=x")

        assert browser.page.status_code == 422
        assert "This link is not good any more" in browser.page.text
