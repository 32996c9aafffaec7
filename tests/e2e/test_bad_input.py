import pytest

pytestmark = pytest.mark.e2e

MISSING = "01a207cb-a158-7c5e-b478-fdd8d973fa46"


def refusal(answer):
    code, problem, headers = answer
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == code
    assert problem["request_id"] == headers["X-Request-Id"]
    return code, problem["code"]


class TestBodies:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"{", (400, "malformed_json")),
            (b"", (400, "body_missing")),
            (b"[]", (400, "body_not_an_object")),
            (b'{"last_name": 1}', (422, "invalid_input")),
            (b'{"last_name": "a", "nope": 1}', (422, "invalid_input")),
            (b'{"email": "nobody"}', (422, "invalid_input")),
            (b'{"first_name": "only"}', (422, "invalid_input")),
            (b'{"a":' * 40 + b"1" + b"}" * 40, (422, "too_deep")),
            (b" " * (2**20 + 1), (413, "body_too_large")),
        ],
    )
    def test_are_refused_and_nothing_is_written(self, client, raw, expected):
        answer = client("POST", "/v1/contacts", raw=raw)
        _, page, _ = client("GET", "/v1/contacts?include=count")

        assert refusal(answer) == expected
        assert page["page"]["count"] == 0

    def test_are_refused_by_the_name_of_the_field(self, client):
        payload = {"last_name": "a", "emails": [{"address": "nobody"}]}
        _, problem, _ = client("POST", "/v1/contacts", payload)

        assert [e["field"] for e in problem["errors"]] == ["emails.0.address"]

    def test_may_not_register_an_address_twice(self, client):
        payload = {"org_name": "B", "name": "B", **client.credentials}

        answer = client("POST", "/v1/auth/register-org", payload)

        assert refusal(answer) == (409, "email_taken")


class TestTokens:
    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ("", "token_missing"),
            ("Bearer x", "token_malformed"),
            ("Basic YTpi", "token_missing"),
        ],
    )
    def test_have_to_be_tokens(self, client, header, code):
        answer = client("GET", "/v1/me", Authorization=header)

        assert refusal(answer) == (401, code)

    def test_have_to_be_signed(self, client):
        head, claims, _ = client.token.split(".")
        forged = f"Bearer {head}.{claims}.{'A' * 86}"

        assert client("GET", "/v1/me", Authorization=forged)[0] == 401

    def test_of_another_organization_find_nothing(self, client, newcomer):
        _, mine, _ = client("POST", "/v1/contacts", {"last_name": "Mine"})
        other, path = newcomer(), f"/v1/contacts/{mine['id']}"
        in_the_body = {"last_name": "x", "account_id": MISSING}
        linked = {"type": "note", "contact_id": mine["id"]}

        assert refusal(other("GET", path)) == (404, "contact_not_found")
        assert refusal(other("PATCH", path, {"last_name": "X"})) == (
            404,
            "contact_not_found",
        )
        assert refusal(other("DELETE", path)) == (404, "contact_not_found")
        assert refusal(other("POST", "/v1/contacts", in_the_body)) == (
            422,
            "reference_not_found",
        )
        assert refusal(other("POST", "/v1/interactions", linked)) == (
            422,
            "reference_not_found",
        )
        assert other("GET", "/v1/contacts")[1]["data"] == []


class TestVersions:
    def test_that_are_stale_are_refused(self, client):
        _, contact, headers = client("POST", "/v1/contacts", {"last_name": "A"})
        path, tag = f"/v1/contacts/{contact['id']}", headers["ETag"]
        first, _, _ = client("PATCH", path, {"job_title": "B"}, If_Match=tag)
        second = client("PATCH", path, {"job_title": "C"}, If_Match=tag)
        third = client("DELETE", path, If_Match=tag)

        assert first == 200
        assert refusal(second) == (412, "version_conflict")
        assert refusal(third) == (412, "version_conflict")


class TestLists:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("filter[nope]=1", "invalid_filter"),
            ("filter[last_name][$gt]=1", "unknown_parameter"),
            ("filter[created_at][gte]=yesterday", "invalid_filter"),
            ("sort=nope", "invalid_sort"),
            ("limit=201", "invalid_limit"),
            ("cursor=nope", "invalid_cursor"),
            ("fields=nope", "invalid_fields"),
            ("nope=1", "unknown_parameter"),
            ("limit=1&limit=2", "duplicate_parameter"),
        ],
    )
    def test_refuse_what_they_do_not_know(self, client, query, code):
        assert refusal(client("GET", f"/v1/contacts?{query}")) == (400, code)
