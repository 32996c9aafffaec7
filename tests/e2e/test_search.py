import time
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def found(client):
    """What a search answers: ``found("ada")`` gives titles, the best first."""

    def ask(text, who=client, **parameters):
        rest = "".join(f"&{name}={value}" for name, value in parameters.items())
        code, answer, _ = who("GET", f"/v1/search?q={quote(text)}{rest}")
        assert code == 200, answer
        return [hit["title"] for hit in answer["hits"]]

    return ask


class TestSearch:
    def test_ranks_what_all_services_found(self, client, found):
        client("POST", "/v1/accounts", {"name": "Zöe", "domain": "other.example"})
        client("POST", "/v1/contacts", {"last_name": "Zoetrope"})
        client("POST", "/v1/leads", {"company": "Foo", "email": "zoe@foo.example"})
        client("POST", "/v1/leads", {"company": "Zoe & Sons"})
        _, lead, _ = client("POST", "/v1/leads", {"company": "Bar"})
        client("POST", f"/v1/leads/{lead['id']}/qualify")
        opportunity = {"name": "Sale to Zoe"}
        client("POST", f"/v1/leads/{lead['id']}/convert", {"opportunity": opportunity})

        assert found("zoe") == ["Zöe", "Sale to Zoe", "Zoe & Sons", "Zoetrope", "Foo"]
        assert found("zoe", limit=2) == ["Zöe", "Sale to Zoe"]
        assert found("zoe", types="leads,contacts") == ["Zoe & Sons", "Zoetrope", "Foo"]
        assert found("sons zoe") == ["Zoe & Sons"]
        assert found("zoe nobody") == []

    def test_says_what_a_hit_is(self, client):
        _, contact, _ = client(
            "POST",
            "/v1/contacts",
            {"first_name": "Ada", "email": "ada@x.example", "phone": "+49 170 1234567"},
        )
        _, answer, _ = client("GET", "/v1/search?q=0170%20123")

        assert answer["hits"] == [
            {
                "type": "contact",
                "id": contact["id"],
                "title": "Ada",
                "subtitle": "ada@x.example",
                "score": 10,
                "matched": ["phone"],
                "updated_at": contact["updated_at"],
            }
        ]
        assert answer["sections"]["contacts"]["data"] == {"hits": 1, "has_more": False}

    def test_finds_what_a_record_is_now_and_only_live_ones(self, client, found):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Before"})
        path = f"/v1/contacts/{contact['id']}"
        client("PATCH", path, {"last_name": "After"})

        assert (found("before"), found("after")) == ([], ["After"])
        client("DELETE", path)
        assert found("after") == []
        client("POST", f"{path}/restore")
        assert found("after") == ["After"]

    def test_shows_nothing_to_other_organizations(self, client, found, newcomer):
        client("POST", "/v1/contacts", {"last_name": "Secret", "phone": "123456789"})

        stranger = newcomer()
        assert found("secret") == ["Secret"]
        assert found("secret", who=stranger) == found("1234567", who=stranger) == []

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("", "invalid_query"),
            ("q=", "invalid_query"),
            (f"q={'x' * 101}", "invalid_query"),
            ("q=a&types=users", "invalid_query"),
            ("q=a&limit=51", "invalid_limit"),
            ("q=a&limit=0", "invalid_limit"),
            ("q=a&limit=0010000", "invalid_limit"),
            (f"q=a&limit=001{'0' * 4_500}", "invalid_limit"),
            ("q=a&limit=%C2%B2", "invalid_limit"),
            ("q=a&page=2", "unknown_parameter"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, client, query, code):
        status, problem, _ = client("GET", f"/v1/search?{query}")

        assert (status, problem["code"]) == (400, code)

    @pytest.mark.parametrize(
        "text",
        ["$where", '{"$gt": ""}', "a.b[c]", ".*", "\u202e", "a\u0000b", "%", "\\"],
    )
    def test_takes_every_text_as_text(self, client, text):
        client("POST", "/v1/contacts", {"last_name": "Anything"})

        status, answer, _ = client("GET", f"/v1/search?q={quote(text)}")

        assert status in {200, 400}
        assert answer.get("hits", []) == []

    @pytest.mark.parametrize("victim", ["sales-rpc-1", "customer-rpc-1"])
    def test_goes_on_without_a_service_that_hangs(
        self, client, found, paused, until, victim
    ):
        client("POST", "/v1/contacts", {"last_name": "Both"})
        client("POST", "/v1/leads", {"last_name": "Both", "company": "Lead"})
        with paused(victim):
            started = time.monotonic()
            _, answer, _ = client("GET", "/v1/search?q=both")
            took_s = time.monotonic() - started

        (hit,) = answer["hits"]
        down = {n for n, each in answer["sections"].items() if each["status"] != "ok"}
        assert took_s < 2
        assert (hit["type"], down) == (
            ("contact", {"leads", "opportunities"})
            if victim == "sales-rpc-1"
            else ("lead", {"contacts", "accounts"})
        )
        until(lambda: len(found("both")) == 2)
