"""What somebody may do, and what their programs may."""

import json

import pytest
from descriptions import DOCUMENT, check_answer
from members import recruit

pytestmark = pytest.mark.e2e

EFFECTIVE_S = 2.0
TRIES = 8
# All that a change tells of a record to whoever may not read it.
TOLD = {"id", "version", "created_at", "updated_at"}
PAYLOADS = {
    "accounts": {"name": "Engines"},
    "contacts": {"last_name": "King", "email": "ada@engine.example"},
    "interactions": {"type": "note", "subject": "A secret"},
    "leads": {"company": "Engines", "email": "ada@engine.example"},
    "segments": {"name": "Some", "resource": "contacts", "kind": "manual"},
    "custom-fields": {"resource": "contacts", "key": "sign", "type": "text"},
}
CHANGES = {
    "accounts": {"name": "Mills"},
    "contacts": {"job_title": "Countess"},
    "interactions": {"body": "Told"},
    "leads": {"rating": "hot"},
    "segments": {"name": "Others"},
    "custom-fields": {"label": "Sign", "indexed": True},
}


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

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_make_no_further_tokens_and_list_none(self, client, method):
        _, made, _ = make_token(client, "contacts:read")
        payload = {"name": "Another", "scope": ["contacts:read"]}
        code, answer, _ = client(
            *(method, "/v1/access-tokens"),
            payload if method == "POST" else None,
            **as_bearer(made["token"]),
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


class TestWritingWithoutReading:
    @pytest.fixture
    def writer(self, newcomer):
        """A token's headers, and the owner of everything that it may write."""
        owner = newcomer()
        scope = [f"{resource}:write" for resource in PAYLOADS]
        owner.bearer = as_bearer(make_token(owner, *scope)[1]["token"])
        return owner

    @pytest.mark.parametrize("resource", PAYLOADS)
    def test_is_answered_what_one_has_made(self, writer, resource):
        payload = dict(PAYLOADS[resource])
        if resource == "interactions":
            _, contact, _ = writer("POST", "/v1/contacts", PAYLOADS["contacts"])
            payload["contact_id"] = contact["id"]
        code, made, _ = writer("POST", f"/v1/{resource}", payload, **writer.bearer)

        assert (code, made["version"]) == (201, 1)
        assert {name: made[name] for name in payload} == payload

    @pytest.mark.parametrize("resource", PAYLOADS)
    def test_tells_nothing_of_what_is_changed(self, writer, resource):
        payload = dict(PAYLOADS[resource])
        if resource == "interactions":
            _, contact, _ = writer("POST", "/v1/contacts", PAYLOADS["contacts"])
            payload["contact_id"] = contact["id"]
        code, record, made = writer("POST", f"/v1/{resource}", payload)
        assert code == 201, record
        path, noun = f"/v1/{resource}/{record['id']}", resource.removesuffix("s")
        described = DOCUMENT["paths"][
            f"/v1/{resource}/{{{noun.replace('-', '_')}_id}}"
        ]["patch"]
        assert writer("GET", path, **writer.bearer)[0] == 403

        code, same, _ = writer("PATCH", path, {}, **writer.bearer)
        assert (code, same.keys(), same["version"]) == (200, TOLD, 1)
        code, changed, headers = writer(
            "PATCH", path, CHANGES[resource], **writer.bearer, If_Match=made["ETag"]
        )
        assert (code, changed.keys(), changed["version"]) == (200, TOLD, 2)
        assert headers["ETag"].startswith('"v2-')
        check_answer(described, code, headers, json.dumps(changed))
        # Whoever may read it is told it all by the same request.
        assert writer("PATCH", path, {})[1].keys() > TOLD

        assert writer("DELETE", path, **writer.bearer)[0] == 204
        code, restored, _ = writer("POST", f"{path}/restore", **writer.bearer)
        assert (code, restored.keys()) == (200, TOLD)

    def test_tells_nothing_of_what_an_upsert_finds(self, writer):
        _, contact, _ = writer("POST", "/v1/contacts", PAYLOADS["contacts"])
        _, lead, _ = writer("POST", "/v1/leads", PAYLOADS["leads"])
        operations = [
            {"op": "upsert", "data": {"email": "ada@engine.example"}},
            {"op": "upsert", "data": {"email": "grace@engine.example"}},
        ]
        for resource, known in (("contacts", contact), ("leads", lead)):
            code, answer, headers = writer(
                "POST",
                f"/v1/{resource}/batch",
                {"operations": operations},
                **writer.bearer,
            )
            found, made = answer["results"]
            described = DOCUMENT["paths"][f"/v1/{resource}/batch"]["post"]
            check_answer(described, code, headers, json.dumps(answer))

            assert (found["status"], found["id"]) == (200, known["id"])
            assert found["data"].keys() == TOLD
            assert made["status"] == 201
            assert made["data"]["email"] == "grace@engine.example"

    def test_names_the_fields_that_clash_and_not_their_values(self, writer):
        _, contact, made = writer("POST", "/v1/contacts", PAYLOADS["contacts"])
        path = f"/v1/contacts/{contact['id']}"
        assert writer("PATCH", path, {"last_name": "Lovelace"})[0] == 200
        patch = {"last_name": "Byron"}
        code, problem, headers = writer(
            "PATCH", path, patch, **writer.bearer, If_Match=made["ETag"]
        )
        described = DOCUMENT["paths"]["/v1/contacts/{contact_id}"]["patch"]
        check_answer(described, code, headers, json.dumps(problem))

        assert (code, problem["conflicts"]) == (412, {"last_name": {}})

    def test_is_told_nothing_by_an_answer_that_another_token_was_given(self, writer):
        _, contact, _ = writer("POST", "/v1/contacts", PAYLOADS["contacts"])
        asked = ("PATCH", f"/v1/contacts/{contact['id']}", {"job_title": "Countess"})
        rows = [{"op": "update", "id": contact["id"], "data": {"job_title": "King"}}]
        batch = ("POST", "/v1/contacts/batch", {"operations": rows})
        for request in (asked, batch):
            key = {"Idempotency_Key": request[1]}
            assert "King" in json.dumps(writer(*request, **key)[1])
            code, again, headers = writer(*request, **key, **writer.bearer)

            assert (code, headers["Idempotency-Replayed"]) == (200, "true")
            (told,) = [each["data"] for each in again.get("results", [{"data": again}])]
            assert told.keys() == TOLD

    def test_reaches_beyond_what_one_may_read(self, status, newcomer):
        owner = newcomer()
        reach = {"read": "own", "write": "all"}
        assert make_role(owner, "filer", contacts=reach)[0] == 201
        filer = recruit(status, newcomer, owner, "filer")
        _, contact, _ = owner("POST", "/v1/contacts", PAYLOADS["contacts"])
        path = f"/v1/contacts/{contact['id']}"
        assert filer("GET", path)[0] == 404
        _, changed, _ = filer("PATCH", path, {"job_title": "Countess"})
        code, own, _ = filer("POST", "/v1/contacts", {"last_name": "Byron"})
        _, kept, _ = filer("PATCH", f"/v1/contacts/{own['id']}", {"job_title": "Poet"})

        assert changed.keys() == TOLD
        assert (code, kept["job_title"]) == (201, "Poet")

    def test_holds_for_members_roles_teams_and_the_organization(self, status, newcomer):
        owner = newcomer()
        writes = {each: {"write": "all"} for each in ("users", "teams", "roles", "org")}
        assert make_role(owner, "clerk", **writes)[0] == 201
        _, role, _ = make_role(owner, "helper")
        _, team, _ = owner("POST", "/v1/teams", {"name": "North"})
        clerk = recruit(status, newcomer, owner, "clerk")
        user_id = recruit(status, newcomer, owner, "helper").user_id
        for path, patch in (
            (f"/v1/roles/{role['id']}", {"name": "Aide"}),
            (f"/v1/teams/{team['id']}", {"name": "South"}),
            (f"/v1/users/{user_id}", {"name": "Augusta"}),
            ("/v1/orgs/current", {"name": "Engines"}),
        ):
            assert clerk("GET", path)[0] == 403
            code, changed, _ = clerk("PATCH", path, patch)

            assert (code, changed.keys()) == (200, TOLD), path
