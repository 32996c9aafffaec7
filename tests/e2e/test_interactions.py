"""Interactions: timelines, threads, and whom they mention."""

import pytest
from members import recruit

pytestmark = pytest.mark.e2e

MISSING = "01a207cb-a158-7c5e-b478-fdd8d973fa46"
FILE = {"name": "Offer.pdf", "content_type": "application/pdf", "size_bytes": 1}


@pytest.fixture(scope="module")
def org(newcomer):
    return newcomer()


@pytest.fixture(scope="module")
def contact(org):
    _, account, _ = org("POST", "/v1/accounts", {"name": "Acme"})
    payload = {"last_name": "Li", "account_id": account["id"]}
    return org("POST", "/v1/contacts", payload)[1]


def record(org, contact, **fields):
    payload = {"type": "email", "contact_id": contact["id"], **fields}
    code, made, _ = org("POST", "/v1/interactions", payload)
    assert code == 201, made
    return made


def listed(org, **filters):
    text = "&".join(f"filter[{name}]={value}" for name, value in filters.items())
    path = f"/v1/interactions?{text}&sort=occurred_at"
    return [each["id"] for each in org("GET", path)[1]["data"]]


class TestTimelines:
    def test_of_accounts_hold_what_happened_with_their_people(self, client):
        _, account, _ = client("POST", "/v1/accounts", {"name": "Acme"})
        payload = {"last_name": "Li", "account_id": account["id"]}
        _, contact, _ = client("POST", "/v1/contacts", payload)
        by_contact = record(client, contact)
        aside = record(client, contact, account_id=None)
        direct = record(client, contact, contact_id=None, account_id=account["id"])

        assert by_contact["account_id"] == account["id"]
        assert aside["account_id"] is None
        assert listed(client, account_id=account["id"]) == [
            by_contact["id"],
            direct["id"],
        ]
        assert listed(client, contact_id=contact["id"]) == [
            by_contact["id"],
            aside["id"],
        ]

    def test_stay_where_things_happened(self, client):
        _, account, _ = client("POST", "/v1/accounts", {"name": "Acme"})
        payload = {"last_name": "Li", "account_id": account["id"]}
        _, contact, _ = client("POST", "/v1/contacts", payload)
        before = record(client, contact)
        client("PATCH", f"/v1/contacts/{contact['id']}", {"account_id": None})
        after = record(client, contact)

        assert after["account_id"] is None
        assert listed(client, account_id=account["id"]) == [before["id"]]

    def test_are_filled_by_batches_as_well(self, org, contact):
        rows = [{"op": "create", "data": {"type": "call", "contact_id": contact["id"]}}]
        _, answer, _ = org("POST", "/v1/interactions/batch", {"operations": rows})
        (result,) = answer["results"]

        assert result["data"]["account_id"] == contact["account_id"]


class TestThreads:
    def test_begin_with_what_answers_nothing(self, org, contact):
        first = record(org, contact)
        second = record(org, contact, in_reply_to=first["id"])
        third = record(org, contact, in_reply_to=second["id"])
        joined = record(org, contact, thread_id=second["id"])
        ids = [each["id"] for each in (first, second, third, joined)]

        assert {each["thread_id"] for each in (first, second, third, joined)} == {
            first["id"]
        }
        assert listed(org, thread_id=first["id"]) == ids

    @pytest.mark.parametrize("named", [(), ("thread_id",)])
    def test_are_left_for_ones_own(self, org, contact, named):
        one, other = record(org, contact), record(org, contact)
        path = f"/v1/interactions/{one['id']}"
        org("PATCH", path, {"in_reply_to": other["id"]})
        own = dict.fromkeys(named, one["id"])
        _, back, _ = org("PATCH", path, {"in_reply_to": None, **own})

        assert (back["in_reply_to"], back["thread_id"]) == (None, one["id"])

    def test_are_kept_by_what_goes_on_to_answer_nothing(self, org, contact):
        first = record(org, contact)
        joined = record(org, contact, thread_id=first["id"])
        path = f"/v1/interactions/{joined['id']}"
        _, kept, _ = org("PATCH", path, {"in_reply_to": None, "subject": "x"})

        assert (kept["subject"], kept["thread_id"]) == ("x", first["id"])

    @pytest.mark.parametrize("way", ["undo", "revert"])
    def test_are_as_they_were_when_a_move_is_taken_back(self, client, until, way):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Li"})
        one, other = record(client, contact), record(client, contact)
        answer = record(client, contact, in_reply_to=one["id"])
        moved = {"thread_id": other["id"]}
        rows = [
            {"op": "update", "id": answer["id"], "data": moved},
            {"op": "update", "id": one["id"], "data": {"in_reply_to": other["id"]}},
        ]
        client("POST", "/v1/interactions/batch", {"operations": rows})
        paths = [f"/v1/interactions/{each['id']}" for each in (answer, one)]
        _, items, _ = client("GET", f"{paths[0]}/history?limit=1")
        if way == "undo":
            operation_id = items["data"][0]["operation_id"]
            _, job, _ = client("POST", f"/v1/operations/{operation_id}/undo")
            path = f"/v1/bulk-updates/{job['id']}"
            until(lambda: client("GET", path)[1]["finished_at"])
        else:
            for path in paths:
                assert client("POST", f"{path}/revert", {"sequence": 1})[0] == 200
        found = [client("GET", path)[1] for path in paths]

        assert [each["thread_id"] for each in found] == [one["id"]] * 2
        assert [each["in_reply_to"] for each in found] == [one["id"], None]

    def test_are_left_for_others(self, org, contact):
        one, other = record(org, contact), record(org, contact)
        path = f"/v1/interactions/{one['id']}"
        _, moved, _ = org("PATCH", path, {"in_reply_to": other["id"]})
        code, problem, _ = org("PATCH", path, {"in_reply_to": one["id"]})

        assert moved["thread_id"] == other["id"]
        assert (code, problem["errors"][0]["field"]) == (422, "in_reply_to")


class TestDetails:
    def test_are_kept(self, org, contact):
        attachments = [
            {**FILE, "url": "https://files.example/1", "sha256": "0" * 64},
            FILE,
        ]
        fields = {"type": "call", "duration_s": 90, "attachments": attachments}
        made = record(org, contact, direction="inbound", **fields)
        path = f"/v1/interactions/{made['id']}"
        _, kept, _ = org("GET", path)
        _, emptied, _ = org("PATCH", path, {"attachments": None, "duration_s": None})

        assert kept["attachments"] == [
            attachments[0],
            {**FILE, "url": None, "sha256": None},
        ]
        assert (kept["duration_s"], kept["direction"]) == (90, "inbound")
        assert (emptied["attachments"], emptied["duration_s"]) == ([], None)

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"duration_s": -1}, "duration_s"),
            ({"duration_s": 2**40}, "duration_s"),
            ({"duration_s": "1"}, "duration_s"),
            ({"duration_s": 1.5}, "duration_s"),
            ({"attachments": [{}]}, "attachments.0.content_type"),
            ({"attachments": [None]}, "attachments.0"),
            ({"attachments": [FILE] * 21}, "attachments"),
            ({"attachments": [{**FILE, "size_bytes": -1}]}, "attachments.0.size_bytes"),
            ({"attachments": [{**FILE, "content_type": "pdf"}]}, None),
            ({"attachments": [{**FILE, "url": "javascript:alert(1)"}]}, None),
            ({"attachments": [{**FILE, "url": "https://"}]}, None),
            ({"attachments": [{**FILE, "sha256": "x"}]}, "attachments.0.sha256"),
            ({"attachments": [{**FILE, "name": None}]}, "attachments.0.name"),
            ({"attachments": [{**FILE, "data": "x"}]}, "attachments.0.data"),
            ({"mentions": ["x"]}, "mentions.0"),
            ({"mentions": [None]}, "mentions.0"),
            ({"mentions": [MISSING]}, "mentions.0"),
            ({"mentions": [MISSING] * 51}, "mentions"),
            ({"mentions": MISSING}, "mentions"),
            ({"thread_id": MISSING}, "thread_id"),
            ({"thread_id": None}, "thread_id"),
            ({"in_reply_to": MISSING}, "in_reply_to"),
            ({"in_reply_to": {"$ne": 1}}, "in_reply_to"),
            ({"occurred_at": "1899-12-31T23:59:59Z"}, "occurred_at"),
            ({"occurred_at": "2200-01-01T00:00:00Z"}, "occurred_at"),
        ],
    )
    def test_are_refused_by_name(self, org, contact, fields, at_fault):
        payload = {"type": "email", "contact_id": contact["id"], **fields}
        code, problem, _ = org("POST", "/v1/interactions", payload)
        named = [each["field"] for each in problem["errors"]]

        assert code == 422
        assert at_fault in named if at_fault else named[0].startswith("attachments.0.")


class TestMentions:
    def test_are_of_members_and_told_by_events(self, client, newcomer, status, until):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Li"})
        colleague = recruit(status, newcomer, client, "sales_rep").user_id
        me = client("GET", "/v1/me")[1]["id"]
        made = record(client, contact, mentions=[colleague, me, colleague])
        stranger = newcomer()("GET", "/v1/me")[1]["id"]
        code, problem, _ = client(
            "PATCH", f"/v1/interactions/{made['id']}", {"mentions": [me, stranger]}
        )

        def told():
            events = client("GET", "/v1/events?after=0&limit=200")[1]["data"]
            return [
                each["data"]["mentions"]
                for each in events
                if each["aggregate"]["id"] == made["id"]
            ]

        assert made["mentions"] == [colleague, me]
        assert (code, problem["errors"][0]["field"]) == (422, "mentions.1")
        assert until(told) == [[colleague, me]]


class TestWhatTheSystemNotes:
    def test_is_on_the_timelines_of_those_it_is_about(
        self, client, newcomer, status, until
    ):
        grants = {
            "accounts": {"read": "all"},
            "contacts": {"read": "own"},
            "interactions": {"read": "own"},
        }
        client("POST", "/v1/roles", {"key": "own", "name": "Own", "grants": grants})
        owner = recruit(status, newcomer, client, "own")
        other = recruit(status, newcomer, client, "own")
        payload = {"last_name": "Li", "owner_id": owner.user_id}
        _, contact, _ = client("POST", "/v1/contacts", payload)
        _, lead, _ = client("POST", "/v1/leads", {"company": "Acme"})
        client("POST", f"/v1/leads/{lead['id']}/qualify")
        path, asked = f"/v1/leads/{lead['id']}/convert", {"contact_id": contact["id"]}
        _, made, _ = client("POST", path, asked)

        def noted():
            path = f"/v1/interactions?filter[contact_id]={contact['id']}"
            data = client("GET", path)[1]["data"]
            return len(data) == 2 and data

        notes = {each["subject"]: each for each in until(noted)}
        assert notes.keys() == {"Lead converted", "Opportunity created"}
        for note in notes.values():
            assert (note["type"], note["owner_id"]) == ("system", owner.user_id)
            assert note["account_id"] == made["account_id"]
            assert owner("GET", f"/v1/interactions/{note['id']}")[0] == 200
            assert other("GET", f"/v1/interactions/{note['id']}")[0] == 404
        assert notes["Lead converted"]["metadata"] == {
            "event": "sales.lead_converted",
            "lead_id": lead["id"],
            "opportunity_id": made["opportunity_id"],
        }
