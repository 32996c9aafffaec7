"""Telephone numbers and e-mail addresses, however people write them."""

import uuid
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.e2e

TYPED = "020 7946 0000"
LONDON = "+442079460000"


@pytest.fixture(scope="module")
def org(newcomer):
    return newcomer()


def make(org, **fields):
    code, made, _ = org("POST", "/v1/contacts", {"last_name": "Li", **fields})
    assert code == 201, made
    return made


def found(org, plural, field, value):
    path = f"/v1/{plural}?filter[{field}]={quote(value)}"
    code, page, _ = org("GET", path)
    assert code == 200, page
    return [each["id"] for each in page["data"]]


def refused(answer):
    code, problem, _ = answer
    return code, [each["field"] for each in problem.get("errors", ())]


class TestNumbers:
    def test_are_kept_as_typed_beside_how_they_are_dialed(self, client):
        made = make(client, phone=TYPED, addresses=[{"country": "gb"}])

        assert made["phone"] == TYPED
        assert made["addresses"][0]["country"] == "GB"
        assert made["phones"] == [
            {
                "number": TYPED,
                "type": "work",
                "is_primary": True,
                "e164": LONDON,
                "validity": "valid",
            }
        ]

    def test_without_a_country_are_unknown_until_there_is_one(self, client):
        made = make(client, phone=TYPED)
        path = f"/v1/contacts/{made['id']}"
        changes = {"addresses": [{"country": "GB"}]}
        _, moved, _ = client("PATCH", path, changes)

        assert (made["phones"][0]["e164"], made["phones"][0]["validity"]) == (
            None,
            "unknown",
        )
        assert moved["phones"][0]["e164"] == LONDON

    @pytest.mark.parametrize(
        "wanted", [LONDON, "0044 20 7946 0000", TYPED, "2079460000", "(020) 7946-0000"]
    )
    def test_find_people_in_any_spelling(self, newcomer, wanted):
        org = newcomer()
        one = make(org, phone="+44 20 7946 0000")
        make(org, phone="+44 20 7946 0001")

        assert found(org, "contacts", "phone", wanted) == [one["id"]]

    def test_find_people_by_search_as_well(self, newcomer):
        org = newcomer()
        one = make(org, phone=TYPED, addresses=[{"country": "GB"}])
        ways = (TYPED, LONDON, "2079460000", "0207946")
        hits = [org("GET", f"/v1/search?q={quote(way)}")[1]["hits"] for way in ways]

        assert [[each["id"] for each in each_hits] for each_hits in hits] == [
            [one["id"]]
        ] * len(ways)

    def test_of_accounts_are_read_as_well(self, client):
        payload = {
            "name": "Acme",
            "phone": TYPED,
            "billing_address": {"country": "GB"},
        }
        _, made, _ = client("POST", "/v1/accounts", payload)
        path = f"/v1/accounts/{made['id']}"
        _, moved, _ = client("PATCH", path, {"phone": "030 1234567"})
        changes = {"billing_address": {"country": "de"}}
        _, abroad, _ = client("PATCH", path, changes)
        _, without, _ = client("PATCH", path, {"phone": None})

        assert (made["phone"], made["phone_e164"]) == (TYPED, LONDON)
        assert moved["phone_e164"] != abroad["phone_e164"] == "+49301234567"
        assert (without["phone"], without["phone_e164"]) == (None, None)
        assert found(client, "accounts", "phone", LONDON) == []

    def test_can_be_sent_back_as_they_were_shown(self, client):
        made = make(client, phone="+44 20 7946 0000")
        phones = [*made["phones"], {"number": "+1 650 253 0000", "type": "mobile"}]
        code, changed, _ = client(
            "PATCH", f"/v1/contacts/{made['id']}", {"phones": phones}
        )

        assert code == 200
        assert [each["e164"] for each in changed["phones"]] == [LONDON, "+16502530000"]

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"phone": "call me"}, "phone"),
            ({"phone": ""}, "phone"),
            ({"phone": "1" * 41}, "phone"),
            ({"phone": 1}, "phone"),
            ({"phones": [{"number": "+"}]}, "phones.0.number"),
            ({"phones": [None]}, "phones.0"),
            ({"phones": [{"number": None}]}, "phones.0.number"),
            ({"phones": [{"number": "1", "validity": "x"}]}, "phones.0.validity"),
            ({"phones": [{"number": "1"}] * 21}, "phones"),
            ({"addresses": [{"country": "XX"}]}, "addresses.0.country"),
            ({"emails": [{"address": "a@b.co", "validity": ""}]}, "emails.0.validity"),
        ],
    )
    def test_that_are_none_are_refused_by_name(self, org, fields, at_fault):
        answer = org("POST", "/v1/contacts", {"last_name": "Li", **fields})

        assert refused(answer) == (422, [at_fault])

    @pytest.mark.parametrize("value", ["", "none", "+", "\0"])
    def test_cannot_be_looked_for_without_digits(self, org, value):
        code, problem, _ = org("GET", f"/v1/contacts?filter[phone]={quote(value)}")

        assert (code, problem["code"]) == (400, "invalid_filter")


class TestAddresses:
    def test_are_the_same_in_either_spelling_of_a_domain(self, client):
        name = uuid.uuid4().hex
        machine, people = f"{name}@xn--bcher-kva.example", f"{name}@Bücher.example"
        rows = [
            {"op": "upsert", "match_by": "email", "data": {"email": each}}
            for each in (machine, people)
        ]
        _, answer, _ = client("POST", "/v1/contacts/batch", {"operations": rows})
        first, second = answer["results"]

        assert [first["status"], second["status"]] == [201, 200]
        assert first["id"] == second["id"]
        for spelling in (machine, people, people.upper()):
            assert found(client, "contacts", "email", spelling) == [first["id"]]

    def test_are_shown_as_somebody_wrote_them(self, client):
        wanted = ["a@xn--bcher-kva.example", "b@bücher.example"]
        emails = [{"address": address} for address in wanted]
        made = make(client, emails=emails)

        assert [each["address"] for each in made["emails"]] == wanted

    def test_say_whether_they_are_good(self, client):
        made = make(client, email="a@b.co")
        emails = [{"address": "a@b.co", "validity": "bounced"}]
        _, changed, _ = client(
            "PATCH", f"/v1/contacts/{made['id']}", {"emails": emails}
        )

        assert made["emails"][0]["validity"] == "unverified"
        assert changed["emails"][0]["validity"] == "bounced"


class TestPrimaries:
    """``email`` and ``phone``, beside other addresses and numbers."""

    EMAILS = (
        {"address": "ada@work.example", "type": "office", "validity": "valid"},
        {"address": "ada@home.example", "type": "home"},
    )

    @pytest.fixture
    def made(self, client):
        phones = [{"number": "+44 20 7946 0000"}, {"number": "+1 650 253 0000"}]
        return make(client, emails=self.EMAILS, phones=phones)

    def shown(self, record):
        return [
            (each["address"], each["type"], each["is_primary"], each["validity"])
            for each in record["emails"]
        ]

    def test_are_replaced_and_the_others_stay(self, client, made):
        payload = {"email": "new@work.example", "phone": "+49 30 1234567"}
        path = f"/v1/contacts/{made['id']}"
        _, changed, _ = client("PATCH", path, payload)

        assert self.shown(changed) == [
            ("new@work.example", "office", True, "unverified"),
            ("ada@home.example", "home", False, "unverified"),
        ]
        assert [each["e164"] for each in changed["phones"]] == [
            "+49301234567",
            "+16502530000",
        ]

    def test_are_others_of_the_list(self, client, made):
        payload = {"email": "ADA@home.example", "phone": "+16502530000"}
        path = f"/v1/contacts/{made['id']}"
        _, changed, _ = client("PATCH", path, payload)

        assert self.shown(changed) == [
            ("ada@work.example", "office", False, "valid"),
            ("ADA@home.example", "home", True, "unverified"),
        ]
        assert [each["is_primary"] for each in changed["phones"]] == [False, True]

    def test_make_way_for_the_next(self, client, made):
        path = f"/v1/contacts/{made['id']}"
        _, first, _ = client("PATCH", path, {"email": None, "phone": None})
        _, second, _ = client("PATCH", path, {"email": None, "phone": None})

        assert (first["email"], first["phone"]) == (
            "ada@home.example",
            "+1 650 253 0000",
        )
        assert (second["emails"], second["phones"]) == ([], [])

    def test_are_replaced_by_an_upsert_as_well(self, client, made):
        path = f"/v1/contacts/{made['id']}"
        client("PATCH", path, {"external_ids": {"erp": made["id"]}})
        data = {"external_ids": {"erp": made["id"]}, "email": "new@work.example"}
        rows = [{"op": "upsert", "match_by": "external_id", "data": data}]
        _, answer, _ = client("POST", "/v1/contacts/batch", {"operations": rows})
        (result,) = answer["results"]

        assert (result["status"], result["id"]) == (200, made["id"])
        assert [each["address"] for each in result["data"]["emails"]] == [
            "new@work.example",
            "ada@home.example",
        ]

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"emails": [*EMAILS, {"address": "Ada@Work.example"}]}, "emails"),
            ({"emails": [], "email": "a@b.co"}, "email"),
            ({"phones": [], "phone": "1"}, "phone"),
        ],
    )
    def test_are_told_once(self, client, made, fields, at_fault):
        answer = client("PATCH", f"/v1/contacts/{made['id']}", fields)

        assert refused(answer) == (422, [at_fault])


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["Ó", "李", "\u05d0\u200f\u05d1", "e\u0301", "\U0001f469\u200d\U0001f680", "O"],
    )
    def test_come_back_as_they_were_written(self, client, name):
        made = make(client, first_name=name, last_name=name)
        _, kept, _ = client("GET", f"/v1/contacts/{made['id']}")

        assert (kept["first_name"], kept["last_name"]) == (name, name)
        assert found(client, "contacts", "last_name", name) == [made["id"]]
