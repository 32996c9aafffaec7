"""Members of organizations: who they are, what they may give, and how they leave."""

import pytest
from members import recruit
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.e2e

# As promised; two processes of the gateway take turns to answer.
EFFECTIVE_S = 2.0
TRIES = 8


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as mongo:
        yield mongo["rapport_auth"]


@pytest.fixture
def colleague(status, newcomer):
    """``colleague(client, "analyst")`` is another member of its organization."""
    return lambda client, *roles: recruit(status, newcomer, client, *roles)


def codes(client, *requests):
    return [client(method, path)[0] for method, path in requests]


def patch(client, user_id, **fields):
    code, answer, _ = client("PATCH", f"/v1/users/{user_id}", fields)
    return code, answer.get("code")


class TestUsers:
    def test_begin_with_the_owner(self, client):
        _, me, _ = client("GET", "/v1/me")
        _, page, _ = client("GET", "/v1/users")
        (owner,) = page["data"]

        assert (owner["id"], owner["email"]) == (me["id"], client.email)
        assert (owner["roles"], owner["version"]) == (["owner"], 1)
        assert client("GET", f"/v1/users/{me['id']}")[1] == owner

    def test_are_found_by_name_and_address(self, client, colleague):
        other = colleague(client, "analyst")
        patch(client, other.user_id, name="Grâce Hopper")

        def found(query):
            _, page, _ = client("GET", f"/v1/users?{query}")
            return [each["id"] for each in page["data"]]

        assert found("filter[name][contains]=hopp") == [other.user_id]
        assert found(f"filter[email]={other.email.upper()}") == [other.user_id]
        assert found("filter[roles]=analyst") == [other.user_id]
        assert found("sort=-name")[0] == other.user_id

    def test_are_those_of_ones_own_organization(self, client, newcomer):
        stranger = newcomer()
        user_id = stranger("GET", "/v1/me")[1]["id"]
        path = f"/v1/users/{user_id}"

        assert codes(
            client,
            ("GET", path),
            ("DELETE", path),
            ("POST", f"{path}/restore"),
        ) == [404, 404, 404]
        assert patch(client, user_id, name="x") == (404, "user_not_found")

    def test_are_changed_under_their_version(self, client, colleague):
        other = colleague(client, "analyst")
        path = f"/v1/users/{other.user_id}"
        _, _, headers = client("GET", path)
        tag = {"If_Match": headers["ETag"]}

        assert client("PATCH", path, {"name": "One"}, **tag)[0] == 200
        assert client("PATCH", path, {"name": "Two"}, **tag)[0] == 412
        assert client("DELETE", path, **tag)[0] == 412

    def test_are_called_differently_by_different_organizations(self, client, colleague):
        other = colleague(client, "analyst")
        patch(client, other.user_id, name="Dr. Hopper")

        assert other("GET", "/v1/me")[1]["name"] == "Ada"
        _, me, _ = other("PATCH", "/v1/me", {"name": "Grace"})
        assert me["name"] == "Grace"
        assert client("GET", f"/v1/users/{other.user_id}")[1]["name"] == "Grace"


class TestRoles:
    def test_take_effect_without_a_new_login(self, client, colleague, until):
        other = colleague(client, "analyst")
        assert other("POST", "/v1/contacts", {"last_name": "Li"})[0] == 403

        assert patch(client, other.user_id, roles=["manager"]) == (200, None)
        until(
            lambda: other("POST", "/v1/contacts", {"last_name": "Li"})[0] == 201,
            EFFECTIVE_S,
        )

    def test_need_a_right(self, client, colleague):
        other = colleague(client, "manager")

        assert patch(other, other.user_id, roles=["admin"]) == (
            403,
            "permission_missing",
        )
        assert other("GET", "/v1/users")[0] == 403

    def test_cannot_go_beyond_ones_own(self, client, colleague):
        grants = {"users": {"read": "all", "write": "all"}}
        client("POST", "/v1/roles", {"key": "hr", "name": "HR", "grants": grants})
        hr, admin = colleague(client, "hr"), colleague(client, "admin")
        beyond = 403, "grant_beyond_own"

        assert patch(hr, hr.user_id, roles=["hr", "admin"]) == beyond
        assert patch(hr, admin.user_id, roles=["hr"]) == beyond
        assert hr("DELETE", f"/v1/users/{admin.user_id}")[1]["code"] == beyond[1]
        assert patch(admin, hr.user_id, roles=["admin"]) == (200, None)

    @pytest.mark.parametrize("roles", [["nobody"], ["analyst", "nobody"]])
    def test_have_to_be_there(self, client, colleague, roles):
        other = colleague(client, "analyst")

        assert patch(client, other.user_id, roles=roles) == (422, "reference_not_found")

    @pytest.mark.parametrize("roles", [[], ["analyst"] * 2, "admin", None, [1]])
    def test_have_a_shape(self, client, colleague, roles):
        other = colleague(client, "analyst")

        assert patch(client, other.user_id, roles=roles) == (422, "invalid_input")

    def test_of_the_owner_are_fixed(self, client, colleague):
        admin = colleague(client, "admin")
        owner_id = client("GET", "/v1/me")[1]["id"]
        fixed = 409, "owner_is_fixed"

        assert patch(admin, owner_id, roles=["admin"]) == fixed
        assert patch(admin, admin.user_id, roles=["owner"]) == fixed
        assert patch(client, owner_id, roles=["owner", "admin"]) == fixed
        assert patch(admin, owner_id, name="Mallory") == fixed
        assert patch(client, owner_id, name="Ada King")[0] == 200
        for each in (admin, client):
            code, answer, _ = each("DELETE", f"/v1/users/{owner_id}")
            assert (code, answer["code"]) == fixed


class TestLeaving:
    def test_is_whole_or_not_at_all(self, client, colleague, database, until):
        """A session that cannot be ended keeps its person a member."""
        other = colleague(client, "analyst")
        path = f"/v1/users/{other.user_id}"
        org_id = client("GET", "/v1/me")[1]["org_id"]
        sessions = database["sessions"]
        own = {"owner_id": other.user_id, "org_id": org_id}
        until(lambda: sessions.count_documents({**own, "pending_events": []}) == 1)
        # Of which the relay does not know: it looks for rows with a time.
        waiting = [{"operation_id": new_id()}] * 1_000
        sessions.update_one(own, {"$set": {"pending_events": waiting}})
        code, answer, _ = client("DELETE", path)

        assert (code, answer["code"]) == (503, "outbox_full")
        assert client("GET", path)[0] == 200
        sessions.update_one(own, {"$set": {"pending_events": []}})
        assert client("DELETE", path)[0] == 204

    def test_ends_every_session_here_and_no_other(self, client, colleague, until):
        other = colleague(client, "manager")
        _, here, _ = other(
            "POST",
            "/v1/auth/login",
            {**other.credentials, "org_id": client("GET", "/v1/me")[1]["org_id"]},
        )
        _, elsewhere, _ = other("POST", "/v1/auth/login", other.credentials)
        _, contact, _ = other("POST", "/v1/contacts", {"last_name": "Li"})
        assert client("DELETE", f"/v1/users/{other.user_id}")[0] == 204

        def is_refused(token):
            answers = [
                other("GET", "/v1/contacts", Authorization=f"Bearer {token}")
                for _ in range(TRIES)
            ]
            return all(
                (code, answer.get("code")) == (401, "token_revoked")
                for code, answer, _ in answers
            )

        for tokens in (other.tokens, here):
            until(lambda t=tokens: is_refused(t["access_token"]), EFFECTIVE_S, 0.01)
            refresh = {"refresh_token": tokens["refresh_token"]}
            assert other("POST", "/v1/auth/refresh", refresh)[0] == 401
        bearer = f"Bearer {elsewhere['access_token']}"
        assert other("GET", "/v1/me", Authorization=bearer)[0] == 200
        _, kept, _ = client("GET", f"/v1/contacts/{contact['id']}")
        assert kept["owner_id"] == other.user_id

    def test_closes_the_door(self, client, colleague):
        other = colleague(client, "manager")
        org_id = client("GET", "/v1/me")[1]["org_id"]
        client("DELETE", f"/v1/users/{other.user_id}")
        there = {**other.credentials, "org_id": org_id}

        assert other("POST", "/v1/auth/login", there)[0] == 401
        code, tokens, _ = other("POST", "/v1/auth/login", other.credentials)
        assert code == 200
        switch = other(
            "POST",
            "/v1/auth/switch-org",
            {"org_id": org_id},
            Authorization=f"Bearer {tokens['access_token']}",
        )
        assert (switch[0], switch[1]["code"]) == (422, "reference_not_found")

    def test_can_be_taken_back(self, client, colleague):
        other = colleague(client, "manager")
        path = f"/v1/users/{other.user_id}"
        client("DELETE", path)
        assert codes(client, ("GET", path), ("DELETE", path)) == [404, 404]
        _, page, _ = client("GET", "/v1/users?filter[archived_at][exists]=true")
        assert [each["id"] for each in page["data"]] == [other.user_id]

        code, user, _ = client("POST", f"{path}/restore")
        org_id = client("GET", "/v1/me")[1]["org_id"]
        there = {**other.credentials, "org_id": org_id}
        assert (code, user["roles"], user["archived_at"]) == (200, ["manager"], None)
        assert other("POST", "/v1/auth/login", there)[0] == 200

    def test_is_not_taken_for_done_under_a_key_that_was_used(self, client, colleague):
        path = f"/v1/users/{colleague(client, 'manager').user_id}"
        key = {"Idempotency_Key": "one for all"}
        assert codes(client, ("DELETE", path)) == [204]
        assert client("POST", f"{path}/restore", **key)[0] == 200

        status, answer, _ = client("DELETE", path, **key)
        assert (status, answer["code"]) == (422, "idempotency_key_reused")

    def test_takes_personal_tokens_along(self, client, colleague, until):
        other = colleague(client, "read_only")
        payload = {"name": "x", "scope": ["contacts:read"]}
        _, made, _ = other("POST", "/v1/access-tokens", payload)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert other("GET", "/v1/contacts", **bearer)[0] == 200
        client("DELETE", f"/v1/users/{other.user_id}")

        until(
            lambda: all(
                other("GET", "/v1/contacts", **bearer)[0] == 401 for _ in range(TRIES)
            ),
            EFFECTIVE_S,
        )


class TestPersonalTokens:
    def test_are_revoked_by_members_without_rights_to_others(
        self, client, colleague, until
    ):
        other = colleague(client, "read_only")
        payload = {"name": "x", "scope": ["contacts:read"]}
        _, made, _ = other("POST", "/v1/access-tokens", payload)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert other("DELETE", f"/v1/access-tokens/{made['id']}")[0] == 204

        until(lambda: other("GET", "/v1/contacts", **bearer)[0] == 401, EFFECTIVE_S)

    def test_open_no_other_organization(self, client, colleague):
        other = colleague(client, "read_only")
        payload = {"name": "x", "scope": ["contacts:read"]}
        _, made, _ = other("POST", "/v1/access-tokens", payload)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        _, listed, _ = other("GET", "/v1/me/orgs")
        for method, path, body in (
            ("POST", "/v1/auth/switch-org", {"org_id": listed["data"][0]["id"]}),
            ("PATCH", "/v1/me", {"name": "Mallory"}),
        ):
            code, answer, _ = other(method, path, body, **bearer)
            assert (code, answer["code"]) == (403, "token_restricted")


class TestSeveralOrganizations:
    def test_are_listed_and_switched_between(self, client, colleague):
        other = colleague(client, "analyst")
        client("POST", "/v1/contacts", {"last_name": "Li"})
        _, listed, _ = other("GET", "/v1/me/orgs")
        (away,) = [each for each in listed["data"] if not each["is_current"]]
        (home,) = [each for each in listed["data"] if each["is_current"]]
        assert (home["roles"], away["roles"]) == (["analyst"], ["owner"])

        code, tokens, _ = other("POST", "/v1/auth/switch-org", {"org_id": away["id"]})
        bearer = f"Bearer {tokens['access_token']}"
        assert code == 200
        _, me, _ = other("GET", "/v1/me", Authorization=bearer)
        assert (me["org_id"], me["roles"]) == (away["id"], ["owner"])
        _, page, _ = other("GET", "/v1/contacts", Authorization=bearer)
        assert page["data"] == []
        assert len(other("GET", "/v1/contacts")[1]["data"]) == 1

    def test_are_not_told_to_programs(self, client, colleague):
        other = colleague(client, "analyst")
        payload = {"name": "x", "scope": ["contacts:read"]}
        _, made, _ = other("POST", "/v1/access-tokens", payload)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        (only,) = other("GET", "/v1/me/orgs", **bearer)[1]["data"]

        assert only["is_current"]
        assert only["id"] == client("GET", "/v1/me")[1]["org_id"]
        assert len(other("GET", "/v1/me/orgs")[1]["data"]) == 2

    def test_are_not_switched_to_where_one_is(self, client):
        own = {"org_id": client("GET", "/v1/me")[1]["org_id"]}
        code, answer, _ = client("POST", "/v1/auth/switch-org", own)

        assert (code, answer["code"]) == (409, "org_is_current")
        assert len(client("GET", "/v1/sessions")[1]["data"]) == 1

    def test_cannot_be_entered_by_others(self, client, newcomer):
        org_id = newcomer()("GET", "/v1/me")[1]["org_id"]
        for target in (org_id, new_id()):
            code, answer, _ = client("POST", "/v1/auth/switch-org", {"org_id": target})
            assert (code, answer["code"]) == (422, "reference_not_found")
            login = {**client.credentials, "org_id": target}
            code, answer, _ = client("POST", "/v1/auth/login", login)
            assert (code, answer["code"]) == (401, "credentials_invalid")
