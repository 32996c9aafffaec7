import mailbox
import uuid

import bson
import pytest
from pymongo import MongoClient

pytestmark = pytest.mark.e2e


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
        assert [f"<{delivery['id']}@rapport>"] == [m["Message-ID"] for m in mine]

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
            "auth.org_registered": 1,
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

    def test_page_without_gaps_while_others_arrive(self, client):
        made = [
            client("POST", "/v1/contacts", {"last_name": f"N{n:03}"})[1]["id"]
            for n in range(25)
        ]
        seen, cursor = [], ""
        while cursor is not None:
            path = f"/v1/contacts?sort=created_at&limit=10{cursor}"
            _, page, _ = client("GET", path)
            seen += [each["id"] for each in page["data"]]
            if len(seen) <= 20:
                made.append(
                    client("POST", "/v1/contacts", {"last_name": "new"})[1]["id"]
                )
            following = page["page"]["next_cursor"]
            cursor = None if following is None else f"&cursor={following}"

        assert made == seen

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


class TestLeads:
    def test_become_account_contact_and_opportunity_once(self, client):
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
