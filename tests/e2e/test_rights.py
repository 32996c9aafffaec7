"""What somebody may do, and what their programs may."""

import pytest

pytestmark = pytest.mark.e2e

EFFECTIVE_S = 2.0
TRIES = 8


def as_bearer(token):
    return {"Authorization": f"Bearer {token}"}


def make_token(client, *scope, **more):
    payload = {"name": "Import", "scope": scope, **more}
    return client("POST", "/v1/access-tokens", payload)


def make_role(client, key="helper", **grants):
    payload = {"key": key, "name": "Helper", "grants": grants}
    return client("POST", "/v1/roles", payload)


class TestPersonalTokens:
    def test_may_do_what_is_in_their_scope_and_no_more(self, client):
        code, made, _ = make_token(client, "contacts:read", "leads:write")
        assert code == 201
        bearer = as_bearer(made["token"])

        def status(method, path, payload=None):
            return client(method, path, payload, **bearer)[0]

        assert status("GET", "/v1/contacts") == 200
        assert status("POST", "/v1/contacts", {"last_name": "Foo"}) == 403
        assert status("POST", "/v1/leads", {"company": "Foo"}) == 201
        assert status("GET", "/v1/leads") == 403

    def test_make_no_further_tokens(self, client):
        _, made, _ = make_token(client, "contacts:read")
        payload = {"name": "Another", "scope": ["contacts:read"]}
        code, answer, _ = client(
            "POST", "/v1/access-tokens", payload, **as_bearer(made["token"])
        )

        assert (code, answer["code"]) == (403, "token_restricted")

    def test_are_shown_without_their_secret(self, client):
        _, made, _ = make_token(client, "contacts:read")
        _, answer, _ = client("GET", "/v1/access-tokens")
        (listed,) = answer["data"]

        assert "token" not in listed
        assert made["token"].startswith(listed["hint"])
        assert len(listed["hint"]) < 12
        assert listed["last_used_at"] is None

    def test_end_everywhere_when_they_are_revoked(self, client, until):
        _, made, _ = make_token(client, "contacts:read")
        bearer = as_bearer(made["token"])
        path = f"/v1/access-tokens/{made['id']}"
        for _ in range(TRIES):
            assert client("GET", "/v1/contacts", **bearer)[0] == 200
        assert client("DELETE", path)[0] == 204

        until(
            lambda: all(
                client("GET", "/v1/contacts", **bearer)[0] == 401 for _ in range(TRIES)
            ),
            EFFECTIVE_S,
        )
        assert client("DELETE", path)[0] == 404

    def test_of_somebody_else_are_not_there(self, newcomer):
        client, other = newcomer(), newcomer()
        _, made, _ = make_token(client, "contacts:read")

        assert other("DELETE", f"/v1/access-tokens/{made['id']}")[0] == 404
        assert client("GET", "/v1/contacts", **as_bearer(made["token"]))[0] == 200

    @pytest.mark.parametrize("token", ["rpat_", "rpat_x", "rpat_" + "x" * 8_000])
    def test_that_do_not_exist_are_refused(self, client, token):
        code, answer, _ = client("GET", "/v1/contacts", **as_bearer(token))

        assert (code, answer["code"]) == (401, "token_invalid")

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"scope": ["contacts:read"]}, "name"),
            ({"name": "x", "scope": []}, "scope"),
            ({"name": "x", "scope": ["*"]}, "scope.0"),
            (
                {"name": "x", "scope": ["org:read"], "expires_in_days": 367},
                "expires_in_days",
            ),
        ],
    )
    def test_that_make_no_sense_are_not_made(self, client, payload, field):
        code, answer, _ = client("POST", "/v1/access-tokens", payload)

        assert code == 422
        assert [each["field"] for each in answer["errors"]] == [field]


class TestRoles:
    def test_are_made_changed_put_away_and_brought_back(self, client):
        code, role, headers = make_role(client, leads={"read": "own"})
        path = f"/v1/roles/{role['id']}"
        assert (code, headers["Location"]) == (201, path)
        patch = {"grants": {"leads": {"write": "own"}}}
        _, changed, _ = client("PATCH", path, patch, If_Match=headers["ETag"])

        assert changed["grants"] == {"leads": {"read": "own", "write": "own"}}
        assert client("DELETE", path)[0] == 204
        assert client("GET", path)[0] == 404
        assert client("POST", f"{path}/restore")[0] == 200
        assert [each["key"] for each in client("GET", "/v1/roles")[1]["data"]] == [
            "helper"
        ]

    def test_have_a_name_of_their_own(self, client):
        make_role(client)
        code, answer, _ = make_role(client)

        assert (code, answer["code"]) == (409, "duplicate_value")

    @pytest.mark.parametrize(
        ("key", "grants", "field"),
        [
            ("owner", {}, "key"),
            ("Big Boss", {}, "key"),
            ("x", {"nothing": {"read": "all"}}, "grants.nothing"),
            ("x", {"leads": {"fly": "all"}}, "grants.leads.fly"),
            ("x", {"leads": {"read": "far"}}, "grants.leads.read"),
            ("x", {"org": {"read": "own"}}, "grants.org.read"),
            ("x", {"leads": "all"}, "grants.leads"),
        ],
    )
    def test_that_make_no_sense_are_not_made(self, client, key, grants, field):
        code, answer, _ = make_role(client, key, **grants)

        assert code == 422
        assert [each["field"] for each in answer["errors"]] == [field]

    def test_of_others_are_not_there(self, newcomer):
        client, other = newcomer(), newcomer()
        _, role, _ = make_role(client)
        path = f"/v1/roles/{role['id']}"

        assert other("GET", path)[0] == 404
        assert other("PATCH", path, {"name": "x"})[0] == 404
        assert other("DELETE", path)[0] == 404
        assert other("GET", "/v1/roles")[1]["data"] == []

    def test_and_permissions_are_told(self, client):
        _, answer, _ = client("GET", "/v1/permissions")
        known = {each["permission"] for each in answer["permissions"]}

        assert {"contacts:read", "roles:write"} <= known
        assert [each["key"] for each in answer["built_in_roles"]][:2] == [
            "owner",
            "admin",
        ]
