"""Programs that are members: what they may do, and what they may not."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e

ACCOUNTS = "/v1/service-accounts"


def make(client, *roles):
    payload = {"name": "Website forms", "roles": list(roles)}
    status, account, headers = client("POST", ACCOUNTS, payload)
    assert status == 201, account
    assert headers["Location"] == f"/v1/users/{account['id']}"
    return account


def key_of(client, account):
    path = f"{ACCOUNTS}/{account['id']}/keys"
    status, key, _ = client("POST", path, {"name": "Web server 1"})
    assert status == 201, key
    return key


@pytest.fixture
def account(client):
    return make(client, "sales_rep")


@pytest.fixture
def program(client, account):
    """Asks with a key of the account."""
    key = key_of(client, account)
    bearer = f"Bearer {key['token']}"

    def ask(method, path, payload=None):
        return client(method, path, payload, Authorization=bearer)

    ask.key = key
    return ask


class TestAccounts:
    def test_are_members(self, client, account):
        _, listed, _ = client("GET", "/v1/users?filter[kind]=service_account")
        _, people, _ = client("GET", "/v1/users?filter[kind]=person")

        assert [each["id"] for each in listed["data"]] == [account["id"]]
        assert account["kind"] == "service_account"
        assert account["email"] == ""
        assert [each["kind"] for each in people["data"]] == ["person"]

    def test_are_made_once_with_a_key(self, client):
        payload = {"name": "Website forms", "roles": ["sales_rep"]}
        made = [
            client("POST", ACCOUNTS, payload, Idempotency_Key="once")[1]["id"]
            for _ in range(2)
        ]

        assert made[0] == made[1]

    @pytest.mark.parametrize(
        ("roles", "expected", "code"),
        [
            (["owner"], 409, "owner_is_fixed"),
            (["nobody"], 422, "reference_not_found"),
            ([], 422, "invalid_input"),
        ],
    )
    def test_get_roles_that_there_are(self, client, roles, expected, code):
        payload = {"name": "Website forms", "roles": roles}
        found, answer, _ = client("POST", ACCOUNTS, payload)

        assert (found, answer["code"]) == (expected, code)

    def test_do_not_become_the_owner(self, client, account):
        payload = {
            "user_id": account["id"],
            "current_password": client.credentials["password"],
        }
        status, answer, _ = client("POST", "/v1/orgs/current/transfer", payload)

        assert (status, answer["code"]) == (422, "reference_not_found")


class TestKeys:
    def test_let_do_what_the_roles_do(self, client, account, program):
        status, contact, _ = program("POST", "/v1/contacts", {"last_name": "Li"})

        assert status == 201
        assert contact["owner_id"] == account["id"]
        assert program("GET", f"/v1/contacts/{contact['id']}")[0] == 200
        _, strange, _ = client("POST", "/v1/contacts", {"last_name": "Bo"})
        assert program("GET", f"/v1/contacts/{strange['id']}")[0] == 404
        assert program("GET", "/v1/users")[1]["code"] == "permission_missing"

    def test_follow_the_roles_within_two_seconds(self, client, account, program):
        assert program("GET", "/v1/users")[0] == 403
        client("PATCH", f"/v1/users/{account['id']}", {"roles": ["admin"]})

        until(lambda: program("GET", "/v1/users")[0] == 200, within_s=2)

    def test_say_who_they_are(self, account, program):
        status, me, _ = program("GET", "/v1/me")

        assert status == 200
        assert (me["id"], me["name"]) == (account["id"], "Website forms")

    def test_are_noted_as_what_acted(self, client, account, program):
        client("PATCH", f"/v1/users/{account['id']}", {"roles": ["admin"]})
        until(lambda: program("GET", "/v1/users")[0] == 200)
        program("POST", "/v1/teams", {"name": "Made by a program"})

        def noted():
            path = "/v1/audit-log?filter[action]=auth.team_created"
            return client("GET", path)[1]["data"]

        (entry,) = until(noted)
        assert entry["actor"] == {"type": "service_account", "id": account["id"]}

    @pytest.mark.parametrize(
        ("method", "path", "payload"),
        [
            ("POST", "/v1/access-tokens", {"name": "x", "scope": ["contacts:read"]}),
            ("POST", ACCOUNTS, {"name": "x", "roles": ["analyst"]}),
            ("POST", f"{ACCOUNTS}/{{id}}/keys", {"name": "x"}),
            ("PATCH", "/v1/me", {"name": "x"}),
            ("GET", "/v1/sessions", None),
        ],
    )
    def test_make_no_further_ones(self, client, method, path, payload):
        account = make(client, "admin")
        bearer = f"Bearer {key_of(client, account)['token']}"
        path = path.format(id=account["id"])
        status, answer, _ = client(method, path, payload, Authorization=bearer)

        assert (status, answer["code"]) == (403, "token_restricted")

    def test_end_when_they_are_revoked(self, client, account, program):
        path = f"{ACCOUNTS}/{account['id']}/keys"
        assert program("GET", "/v1/contacts")[0] == 200
        (listed,) = client("GET", path)[1]["data"]
        assert "token" not in listed
        assert listed["hint"] == program.key["token"][:9]
        assert client("DELETE", f"{path}/{listed['id']}")[0] == 204

        until(lambda: program("GET", "/v1/contacts")[0] == 401, within_s=2)
        assert client("GET", path)[1]["data"] == []
        assert client("DELETE", f"{path}/{listed['id']}")[0] == 404

    def test_end_with_the_account(self, client, account, program):
        assert client("DELETE", f"/v1/users/{account['id']}")[0] == 204
        until(lambda: program("GET", "/v1/contacts")[0] == 401, within_s=2)
        assert client("POST", f"/v1/users/{account['id']}/restore")[0] == 200
        assert program("GET", "/v1/contacts")[0] == 401

    def test_are_ten_at_most_however_many_are_made_at_once(self, client, account):
        path = f"{ACCOUNTS}/{account['id']}/keys"
        with ThreadPoolExecutor(20) as pool:
            asked = [("POST", path, {"name": f"Server {each}"}) for each in range(20)]
            answers = list(pool.map(lambda each: client(*each), asked))
        made = [answer["id"] for status, answer, _ in answers if status == 201]
        codes = [answer["code"] for status, answer, _ in answers if status != 201]

        assert codes == ["too_many_tokens"] * 10
        assert {each["id"] for each in client("GET", path)[1]["data"]} == set(made)

    def test_are_not_given_to_people(self, client):
        _, me, _ = client("GET", "/v1/me")
        status, answer, _ = client(
            "POST", f"{ACCOUNTS}/{me['id']}/keys", {"name": "Mine"}
        )

        assert (status, answer["code"]) == (404, "service_account_not_found")

    def test_give_nobody_more_than_they_have(self, client, newcomer, status):
        role = {"key": "people", "name": "P", "grants": {"users": {"write": "all"}}}
        client("POST", "/v1/roles", role)
        member = recruit(status, newcomer, client, "people")
        account = make(client, "admin")
        payload = {"name": "Mine", "roles": ["admin"]}
        code, answer, _ = member("POST", ACCOUNTS, payload)
        assert (code, answer["code"]) == (403, "grant_beyond_own")
        path = f"{ACCOUNTS}/{account['id']}/keys"
        code, answer, _ = member("POST", path, {"name": "Mine"})
        assert (code, answer["code"]) == (403, "grant_beyond_own")
