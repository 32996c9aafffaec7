import uuid
from collections import defaultdict
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pymongo import MongoClient

from chassis.key_set import KeySet
from chassis.signer import Signer
from svc_analytics.domain import EVENTS

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

    def test_have_to_say_that_they_are_json(self, client):
        answer = client("POST", "/v1/contacts", raw=b"{}", Content_Type="text/plain")

        assert refusal(answer) == (415, "unsupported_media_type")

    @pytest.mark.parametrize("address", [str.lower, str.upper])
    def test_may_not_register_an_address_twice(self, client, status, address):
        name = uuid.uuid4().hex
        payload = {"org_name": name, "name": "B", "password": "another one"}
        payload["email"] = address(client.email)

        answer = client("POST", "/v1/auth/register-org", payload)

        assert refusal(answer) == (409, "email_taken")
        with MongoClient(status["mongo_uri"]) as mongo:
            assert mongo["rapport_auth"]["orgs"].find_one({"name": name}) is None
        assert client("POST", "/v1/auth/login", client.credentials)[0] == 200


class TestPaths:
    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("GET", "/v1/nope", (404, "not_found")),
            ("GET", "/v1/contacts/nope", (404, "not_found")),
            ("GET", f"/v1/contacts/{MISSING}", (404, "contact_not_found")),
            ("GET", f"/v1/contacts/{MISSING.upper()}", (404, "not_found")),
            ("PUT", "/v1/contacts", (405, "method_not_allowed")),
            ("POST", f"/v1/leads/{MISSING}/qualify", (404, "lead_not_found")),
            ("DELETE", f"/v1/accounts/{MISSING}", (404, "account_not_found")),
            ("POST", f"/v1/accounts/{MISSING}/restore", (404, "account_not_found")),
            ("GET", f"/v1/opportunities/{MISSING}", (404, "opportunity_not_found")),
            ("GET", f"/v1/interactions/{MISSING}", (404, "interaction_not_found")),
            ("GET", f"/v1/deliveries/{MISSING}", (404, "delivery_not_found")),
        ],
    )
    def test_that_lead_nowhere_are_not_found(self, client, method, path, expected):
        assert refusal(client(method, path)) == expected


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

    def test_have_to_be_signed_by_auth_and_alive(self, client, status):
        secrets = Path(status["mailbox"]).parent / "secrets/auth"
        keys = KeySet.load(secrets / "jwks.json", status["gateway"])
        auth = Signer(secrets / "signing_key.pem", keys)
        claims = jwt.decode(client.token, options={"verify_signature": False})
        head, body, signature = client.token.split(".")
        other, stranger = (
            {"kid": "auth-00000000", "typ": "at+jwt"},
            ec.generate_private_key(ec.SECP256R1()),
        )
        known = {"kid": auth.key_id, "typ": "at+jwt"}
        identity = {"kid": auth.key_id, "typ": "JWT"}
        elsewhere = {**claims, "iss": "http://evil.example"}
        late = {**claims, "exp": claims["iat"] - 60}
        tokens = {
            f"{head}.{body}.{'A' * len(signature)}": "token_invalid",
            jwt.encode(claims, None, "none", known): "token_invalid",
            jwt.encode(claims, stranger, "ES256", known): "token_invalid",
            jwt.encode(claims, auth._private, "ES256", other): "token_invalid",
            jwt.encode(claims, auth._private, "ES256", identity): "token_invalid",
            jwt.encode(elsewhere, auth._private, "ES256", known): "token_invalid",
            jwt.encode(late, auth._private, "ES256", known): "token_expired",
        }

        answers = [
            client("GET", "/v1/me", Authorization=f"Bearer {token}") for token in tokens
        ]

        assert [(401, code) for code in tokens.values()] == [
            refusal(answer) for answer in answers
        ]
        assert client("GET", "/v1/me")[0] == 200


class TestOtherOrganizations:
    @pytest.mark.parametrize(
        ("plural", "payload"),
        [
            ("accounts", {"name": "Mine"}),
            ("contacts", {"last_name": "Mine"}),
            ("leads", {"company": "Mine"}),
        ],
    )
    def test_find_nothing_and_change_nothing(self, client, newcomer, plural, payload):
        _, mine, _ = client("POST", f"/v1/{plural}", payload)
        other, path = newcomer(), f"/v1/{plural}/{mine['id']}"
        answers = [
            other("GET", path),
            other("PATCH", path, payload),
            other("DELETE", path),
            other("POST", f"{path}/restore"),
        ]

        assert {refusal(answer) for answer in answers} == {
            (404, f"{plural.removesuffix('s')}_not_found")
        }
        assert client("GET", path)[1] == mine
        assert other("GET", f"/v1/{plural}")[1]["data"] == []

    def test_cannot_be_referred_to(self, client, newcomer):
        _, account, _ = client("POST", "/v1/accounts", {"name": "Mine"})
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Mine"})
        other = newcomer()
        _, lead, _ = other("POST", "/v1/leads", {"company": "Other"})
        other("POST", f"/v1/leads/{lead['id']}/qualify")
        wrong = {"account_id": account["id"]}
        answers = [
            other("POST", "/v1/contacts", {"last_name": "x", **wrong}),
            other("POST", "/v1/accounts", {"name": "x", "parent_id": account["id"]}),
            other("POST", "/v1/interactions", {"type": "note", **wrong}),
            other(
                "POST",
                "/v1/interactions",
                {"type": "note", "contact_id": contact["id"]},
            ),
            other("POST", f"/v1/leads/{lead['id']}/convert", wrong),
            other("PATCH", f"/v1/leads/{lead['id']}", {"owner_id": MISSING}),
        ]

        assert {refusal(answer) for answer in answers} == {(422, "reference_not_found")}
        for plural in ("contacts", "accounts", "interactions", "opportunities"):
            assert other("GET", f"/v1/{plural}")[1]["data"] == []


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
        assert client("GET", path)[1]["job_title"] == "B"

    @pytest.mark.parametrize("tag", ["1", "*x", '"v1-zz"', 'W/"v1-00000000"'])
    def test_that_are_none_of_ours_are_refused(self, client, tag):
        path = f"/v1/contacts/{MISSING}"
        answer = client("PATCH", path, {"job_title": "B"}, If_Match=tag)

        assert refusal(answer) == (400, "if_match_invalid")


class TestParameters:
    def test_that_nobody_knows_are_refused_by_every_get(self, client):
        ids = made_ids(client)
        _, description, _ = client("GET", "/openapi.json")
        answers = {
            path: client("GET", f"{path.format_map(ids)}?x_unknown=1")
            for path, item in description["paths"].items()
            if path.startswith("/v1/") and "get" in item
        }
        told = {path: refusal(answer) for path, answer in answers.items()}

        assert len(told) > 40
        assert set(told.values()) == {(400, "unknown_parameter")}, told
        for _, problem, _ in answers.values():
            assert [each["field"] for each in problem["errors"]] == ["x_unknown"]

    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    def test_do_not_go_with_a_change(self, client, method):
        _, made, _ = client("POST", "/v1/contacts", {"last_name": "King"})
        path = f"/v1/contacts/{made['id']}"
        address = {"POST": "/v1/contacts"}.get(method, path)
        answer = client(method, f"{address}?dry_run=true", {"last_name": "Byron"})
        _, page, _ = client("GET", "/v1/contacts")

        assert refusal(answer) == (400, "unknown_parameter")
        assert page["data"] == [made]


def made_ids(client):
    """An id for each name in a path: of a record where a query is read after it."""
    payloads = {
        "/v1/accounts": {"name": "Engines"},
        "/v1/contacts": {"last_name": "King"},
        "/v1/segments": {"resource": "contacts", "kind": "manual", "name": "Some"},
        "/v1/bulk-updates": {
            "resource": "contacts",
            "filter": {"source": "web"},
            "changes": {"source": "fair"},
        },
    }
    ids = defaultdict(lambda: MISSING)
    for path, payload in payloads.items():
        code, made, _ = client("POST", path, payload)
        assert code in {201, 202}, made
        name = path.removeprefix("/v1/").replace("-", "_").removesuffix("s")
        ids[f"{name}_id"] = made["id"]
    return ids


class TestLists:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("filter[nope]=1", "invalid_filter"),
            ("filter[last_name][$gt]=1", "unknown_parameter"),
            ("filter[created_at][gte]=someday", "invalid_filter"),
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


class TestCounts:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("from=yesterday", "invalid_query"),
            ("until=2026-02-30", "invalid_query"),
            ("from=2026-02-01&until=2026-01-31", "invalid_query"),
            ("nope=1", "unknown_parameter"),
        ],
    )
    def test_refuse_what_they_do_not_know(self, client, query, code):
        answer = client("GET", f"/v1/analytics/activity?{query}")

        assert refusal(answer) == (400, code)


class TestFeed:
    @pytest.mark.parametrize(
        "names",
        [
            "",
            "customer",
            "customer.contact_eaten",
            "customer.contact_created,customer.contact_eaten",
            ",".join(["customer.contact_created"] * 51),
        ],
    )
    def test_refuses_events_that_there_are_not(self, client, names):
        answer = client("GET", f"/v1/events?types={names}")

        assert refusal(answer) == (400, "invalid_query")
        assert [each["field"] for each in answer[1]["errors"]] == ["types"]

    def test_takes_all_that_there_are(self, client):
        names = ",".join(sorted(EVENTS)[:50])

        assert client("GET", f"/v1/events?types={names}")[0] == 200
