"""Why somebody may do something; what is said is what is done."""

import pytest
from members import recruit

pytestmark = pytest.mark.e2e

ROLES = ("manager", "sales_rep", "support_agent", "analyst", "read_only")


@pytest.fixture(scope="module")
def org(newcomer, status):
    """An organization with somebody of every kind, in teams beneath each other."""
    owner = newcomer()
    owner.user_id = owner("GET", "/v1/me")[1]["id"]
    members = {"owner": owner}
    for role in ROLES:
        members[role] = recruit(status, newcomer, owner, role)
    members["lead"] = recruit(status, newcomer, owner, "sales_rep")
    upper = {"name": "Upper", "lead_id": members["lead"].user_id}
    _, upper, _ = owner("POST", "/v1/teams", upper)
    _, lower, _ = owner(
        "POST", "/v1/teams", {"name": "Lower", "parent_id": upper["id"]}
    )
    rep = members["sales_rep"]
    assert owner("PUT", f"/v1/teams/{lower['id']}/members/{rep.user_id}")[0] == 204
    for member in members.values():
        tokens = member(
            "POST",
            "/v1/auth/refresh",
            {"refresh_token": member.tokens["refresh_token"]},
        )[1]
        member.tokens, member.token = tokens, tokens["access_token"]
    owner.lower = lower["id"]
    return members


def explain(client, **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return client("GET", f"/v1/authz/explain?{asked}")


def principals(client, **query):
    status, answer, _ = explain(client, **query)
    assert status == 200, answer
    return {each["id"]: each for each in answer["principals"]}


class TestRecords:
    @pytest.mark.parametrize("maker", ["owner", "sales_rep", "manager"])
    @pytest.mark.parametrize(
        ("resource", "payload", "patch"),
        [
            ("contacts", {"last_name": "Li"}, {"first_name": "Ada"}),
            ("accounts", {"name": "Foo"}, {"industry": "Bar"}),
            ("leads", {"company": "Foo"}, {"company": "Bar"}),
        ],
    )
    def test_are_open_to_exactly_whom_it_says(
        self, org, maker, resource, payload, patch
    ):
        status, record, _ = org[maker]("POST", f"/v1/{resource}", payload)
        assert status == 201, record
        path = f"/v1/{resource}/{record['id']}"
        told = principals(org["owner"], resource=resource, id=record["id"])

        for member in org.values():
            access = told.get(member.user_id)
            read = member("GET", path)[0] == 200
            write = member("PATCH", path, patch)[0] == 200
            assert (read, write) == (
                bool(access and access["read"]["is_allowed"]),
                bool(access and access["write"]["is_allowed"]),
            )

    def test_say_why(self, org):
        owner, rep, lead = org["owner"], org["sales_rep"], org["lead"]
        _, contact, _ = rep("POST", "/v1/contacts", {"last_name": "Li"})
        told = principals(owner, resource="contacts", id=contact["id"])
        why = {key: told[each.user_id]["read"]["because"] for key, each in org.items()}

        assert contact["team_ids"] == [owner.lower]
        assert why == {
            "owner": "reaches_all",
            "manager": "reaches_all",
            "sales_rep": "is_owner",
            "lead": "shares_team",
            "support_agent": "reaches_all",
            "analyst": "reaches_all",
            "read_only": "reaches_all",
        }
        assert told[lead.user_id]["read"] == {
            "permission": "contacts:read",
            "is_allowed": True,
            "reach": "team",
            "because": "shares_team",
            "team_ids": [owner.lower],
            "granted_by": [{"role": "sales_rep", "reach": "team"}],
        }
        assert told[lead.user_id]["write"]["because"] == "not_owner"
        assert not told[lead.user_id]["write"]["is_allowed"]

    def test_say_why_not(self, org):
        owner, rep = org["owner"], org["sales_rep"]
        _, contact, _ = owner("POST", "/v1/contacts", {"last_name": "Li"})
        member = principals(
            owner, resource="contacts", id=contact["id"], principal=rep.user_id
        )[rep.user_id]

        assert not member["read"]["is_allowed"]
        assert member["read"]["because"] == "shares_no_team"
        assert member["write"]["because"] == "not_owner"
        assert member["write"]["granted_by"] == [{"role": "sales_rep", "reach": "own"}]


class TestKinds:
    def test_are_explained_without_a_record(self, org):
        told = principals(org["owner"], resource="audit-log")

        assert org["owner"].user_id in told
        assert org["sales_rep"].user_id not in told
        assert told[org["owner"].user_id]["read"]["because"] == "granted"
        assert told[org["owner"].user_id]["write"] is None

    def test_are_told_of_one_member_granted_or_not(self, org):
        rep = org["sales_rep"]
        told = principals(org["owner"], resource="audit-log", principal=rep.user_id)

        assert told[rep.user_id]["read"]["because"] == "not_granted"
        assert told[rep.user_id]["read"]["granted_by"] == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({}, "invalid_query"),
            ({"resource": "nothing"}, "invalid_query"),
            ({"resource": "contacts", "id": "x"}, "invalid_query"),
            ({"resource": "roles", "id": "{id}"}, "invalid_query"),
            ({"resource": "contacts", "who": "me"}, "unknown_parameter"),
        ],
    )
    def test_name_what_is_wrong(self, org, query, code):
        query = {k: v.format(id=org["owner"].user_id) for k, v in query.items()}
        status, answer, _ = explain(org["owner"], **query)

        assert (status, answer["code"]) == (400, code)
        assert answer["errors"][0]["field"]

    def test_tell_nothing_of_other_organizations(self, org, newcomer):
        stranger = newcomer()
        _, contact, _ = org["owner"]("POST", "/v1/contacts", {"last_name": "Li"})
        status, answer, _ = explain(stranger, resource="contacts", id=contact["id"])
        assert (status, answer["code"]) == (404, "contact_not_found")
        user_id = org["owner"].user_id
        status, answer, _ = explain(stranger, resource="contacts", principal=user_id)
        assert (status, answer["code"]) == (404, "user_not_found")

    def test_do_not_show_records_that_the_asker_may_not_see(
        self, org, newcomer, status
    ):
        owner = org["owner"]
        grants = {"users": {"read": "all"}, "contacts": {"read": "own"}}
        role = {"key": "asker", "name": "Asker", "grants": grants}
        assert owner("POST", "/v1/roles", role)[0] == 201
        asker = recruit(status, newcomer, owner, "asker")
        _, contact, _ = owner("POST", "/v1/contacts", {"last_name": "Li"})
        code, answer, _ = explain(asker, resource="contacts", id=contact["id"])

        assert (code, answer["code"]) == (404, "contact_not_found")

    def test_are_for_whoever_may_see_members(self, org):
        code, answer, _ = explain(org["manager"], resource="contacts")

        assert (code, answer["code"]) == (403, "permission_missing")
