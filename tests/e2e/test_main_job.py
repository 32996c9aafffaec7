import mailbox
import uuid
from concurrent.futures import ThreadPoolExecutor

import bson
import pytest
from pymongo import MongoClient

pytestmark = pytest.mark.e2e


ONE_CONVERSION = {
    "auth.member_joined": 1,
    "auth.org_registered": 1,
    "auth.session_started": 1,
    "customer.account_created": 1,
    "customer.contact_created": 1,
    # The lead's and the opportunity's, on the timeline.
    "customer.interaction_recorded": 2,
    "sales.lead_converted": 1,
    "sales.lead_created": 1,
    "sales.lead_qualified": 1,
    "sales.opportunity_created": 1,
}


def totals(client):
    return client("GET", "/v1/analytics/activity")[1]["totals"]


class TestRegistration:
    def test_brings_a_welcome_e_mail_that_is_on_record(self, client, status, until):
        def sent():
            _, answer, _ = client("GET", "/v1/deliveries")
            return [each for each in answer["data"] if each["status"] == "sent"]

        (delivery,) = until(sent)
        box = mailbox.Maildir(status["mailbox"], create=False)
        mine = [message for message in box if message["To"] == client.email]

        assert ("welcome", client.email) == (
            delivery["template"],
            delivery["recipient"],
        )
        assert f"<{delivery['id']}@rapport>" in [m["Message-ID"] for m in mine]

    def test_logs_in_afterwards_and_refreshes_once(self, client):
        code, tokens, _ = client("POST", "/v1/auth/login", client.credentials)
        refresh = {"refresh_token": tokens["refresh_token"]}
        first, _, _ = client("POST", "/v1/auth/refresh", refresh)
        again, problem, _ = client("POST", "/v1/auth/refresh", refresh)

        assert (200, 200, 401) == (code, first, again)
        assert problem["code"] == "refresh_token_reused"


class TestCustomers:
    def test_are_stored_and_counted_once(self, client, until):
        _, account, _ = client("POST", "/v1/accounts", {"name": "Acme"})
        code, contact, headers = client(
            "POST", "/v1/contacts", {"last_name": "Li", "account_id": account["id"]}
        )
        _, interaction, _ = client(
            "POST",
            "/v1/interactions",
            {
                "type": "purchase",
                "contact_id": contact["id"],
                "amount": {"amount": "19.90", "currency": "USD"},
            },
        )
        expected = {
            "auth.member_joined": 1,
            "auth.org_registered": 1,
            "auth.session_started": 1,
            "customer.account_created": 1,
            "customer.contact_created": 1,
            "customer.interaction_recorded": 1,
        }

        assert code == 201
        assert headers["Location"] == f"/v1/contacts/{contact['id']}"
        assert interaction["amount"] == {"amount": "19.90", "currency": "USD"}
        until(lambda: totals(client) == expected)

    def test_leave_no_name_in_their_history(self, client, status, until):
        name = f"Name{uuid.uuid4().hex}"
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": name})
        with MongoClient(status["mongo_uri"]) as mongo:
            log = mongo["rapport_customer"]["event_log"]
            row = until(lambda: log.find_one({"aggregate.id": contact["id"]}))

        assert "lifecycle_stage" in row["changes"]
        assert name.encode() not in bson.encode(row)

    def test_are_archived_and_restored(self, client):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Li"})
        path = f"/v1/contacts/{contact['id']}"
        codes = [
            client("DELETE", path)[0],
            client("GET", path)[0],
            client("POST", f"{path}/restore")[0],
            client("GET", path)[0],
        ]

        assert codes == [204, 404, 200, 200]


@pytest.fixture(scope="module")
def crowd(newcomer):
    """An organization with contacts, many of whom have the same name."""
    client = newcomer()
    made = [
        client("POST", "/v1/contacts", {"last_name": f"N{number % 7}"})[1]["id"]
        for number in range(120)
    ]
    return client, made


class TestPages:
    @pytest.mark.parametrize(
        "sort", ["created_at", "-created_at", "last_name", "-last_name,-created_at"]
    )
    def test_have_no_gap_and_no_repetition_while_others_arrive(self, crowd, sort):
        client, made = crowd
        seen, cursor = [], ""
        while cursor is not None:
            _, page, _ = client("GET", f"/v1/contacts?sort={sort}&limit=25{cursor}")
            seen += [each["id"] for each in page["data"]]
            following = page["page"]["next_cursor"]
            cursor = None if following is None else f"&cursor={following}"
            if len(seen) < 100:
                client("POST", "/v1/contacts", {"last_name": "N3"})

        assert len(seen) == len(set(seen))
        assert set(made) <= set(seen)
        if sort.endswith("created_at") and "name" not in sort:
            old = [each for each in seen if each in set(made)]
            assert old == sorted(made, reverse=sort.startswith("-"))


class TestLeads:
    def test_become_account_contact_and_opportunity_once(self, client, until):
        _, lead, _ = client(
            "POST", "/v1/leads", {"company": "Foo", "last_name": "Bar", "source": "web"}
        )
        path = f"/v1/leads/{lead['id']}"
        too_early, problem, _ = client("POST", f"{path}/convert", {})
        client("POST", f"{path}/qualify")
        code, made, _ = client(
            "POST",
            f"{path}/convert",
            {"opportunity": {"amount": {"amount": "100.00", "currency": "USD"}}},
        )
        _, again, _ = client("POST", f"{path}/convert", {})
        _, opportunity, _ = client("GET", f"/v1/opportunities/{made['opportunity_id']}")
        _, contact, _ = client("GET", f"/v1/contacts/{made['contact_id']}")

        assert (409, "lead_not_qualified") == (too_early, problem["code"])
        assert (200, made) == (code, again)
        assert opportunity["amount"] == {"amount": "100.00", "currency": "USD"}
        assert contact["account_id"] == made["account_id"]
        assert client("GET", path)[1]["status"] == "converted"
        until(lambda: totals(client) == ONE_CONVERSION)

    def test_are_converted_once_by_several_at_once(self, client, until):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: client("POST", f"{path}/convert", {}), range(8))
            )

        made = answers[0][1]
        assert [(200, made)] * 8 == [answer[:2] for answer in answers]
        until(lambda: totals(client) == ONE_CONVERSION)

    def test_stay_as_they_were_when_refused(self, client):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        code, problem, _ = client("POST", f"{path}/convert", {"account_id": lead["id"]})
        _, after, _ = client("GET", path)
        _, contacts, _ = client("GET", "/v1/contacts")

        assert (422, "reference_not_found") == (code, problem["code"])
        assert after["status"] == "qualified"
        assert contacts["data"] == []
