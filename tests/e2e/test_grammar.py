"""One grammar: what a client learns of one resource holds for all of them."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote

import pytest
from waiting import until

pytestmark = pytest.mark.e2e

RESOURCES = {
    "accounts": {"name": "Grammar"},
    "contacts": {"last_name": "Grammar"},
    "leads": {"last_name": "Grammar"},
}
# Two fields of each that have nothing to do with one another.
PATCHES = {
    "accounts": ({"industry": "Steel"}, {"website": "https://a.example"}),
    "contacts": ({"job_title": "CTO"}, {"first_name": "Ada"}),
    "leads": ({"company": "Steel"}, {"description": "late"}),
}
each_resource = pytest.mark.parametrize("resource", RESOURCES)


@pytest.fixture
def org(newcomer):
    """An owner of an organization that has nothing yet."""
    return newcomer()


def names(page, field):
    return [each[field] for each in page["data"]]


def answered(client, *asked, **headers):
    """What is answered at last: so many at once may be too many for a busy machine.

    It is asked for again, and so has to be what changes nothing if it was done.
    """

    def ask():
        answer = client(*asked, **headers)
        return answer if answer[0] not in {503, 504} else None

    return until(ask)


@each_resource
class TestChanges:
    def test_of_different_fields_are_merged(self, client, resource):
        _, made, headers = client("POST", f"/v1/{resource}", RESOURCES[resource])
        path, (first, second) = f"/v1/{resource}/{made['id']}", PATCHES[resource]

        client("PATCH", path, first, If_Match=headers["ETag"])
        code, merged, _ = client("PATCH", path, second, If_Match=headers["ETag"])

        assert (code, merged["version"]) == (200, 3)
        assert {**merged, **first, **second} == merged

    def test_of_the_same_field_are_refused_with_all_three_values(
        self, client, resource
    ):
        _, made, headers = client("POST", f"/v1/{resource}", RESOURCES[resource])
        path, (first, second) = f"/v1/{resource}/{made['id']}", PATCHES[resource]
        ((name, current),) = first.items()
        client("PATCH", path, first, If_Match=headers["ETag"])

        code, problem, _ = client(
            "PATCH", path, {name: "mine", **second}, If_Match=headers["ETag"]
        )
        _, unchanged, _ = client("GET", path)

        assert (code, problem["code"]) == (412, "version_conflict")
        assert problem["conflicts"] == {
            name: {"original": None, "current": current, "yours": "mine"}
        }
        assert unchanged["version"] == 2

    def test_to_the_same_value_do_not_clash(self, client, resource):
        _, made, headers = client("POST", f"/v1/{resource}", RESOURCES[resource])
        path, (first, _) = f"/v1/{resource}/{made['id']}", PATCHES[resource]

        client("PATCH", path, first, If_Match=headers["ETag"])
        code, _, _ = client("PATCH", path, first, If_Match=headers["ETag"])

        assert code == 200

    def test_do_not_bring_down_what_is_stale(self, client, resource):
        _, made, headers = client("POST", f"/v1/{resource}", RESOURCES[resource])
        path, (first, _) = f"/v1/{resource}/{made['id']}", PATCHES[resource]
        client("PATCH", path, first)

        code, problem, _ = client("DELETE", path, If_Match=headers["ETag"])

        assert (code, problem["code"]) == (412, "version_conflict")
        assert client("GET", path)[0] == 200


class TestActions:
    @pytest.mark.parametrize(
        ("path", "payload", "action"),
        [
            (
                "/v1/oauth-clients",
                {
                    "name": "Merge",
                    "redirect_uris": ["https://merge.example/callback"],
                    "grant_types": ["authorization_code"],
                    "scope": "openid",
                },
                "rotate-secret",
            ),
            (
                "/v1/invitations",
                {"email": "new@grammar.example", "roles": ["sales_rep"]},
                "resend",
            ),
            (
                "/v1/segments",
                {
                    "name": "All",
                    "resource": "contacts",
                    "kind": "snapshot",
                    "definition": {"field": "source", "op": "eq", "value": "web"},
                },
                "refresh",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_are_refused_on_what_is_stale(self, org, until, path, payload, action):
        _, made, first = org("POST", path, payload)
        one = f"{path}/{made['id']}"
        acted = org("POST", f"{one}/{action}")
        stale = org("POST", f"{one}/{action}", If_Match=first["ETag"])

        def is_done():
            """Who builds a segment changes it meanwhile."""
            tag = org("GET", one)[2]["ETag"]
            return org("POST", f"{one}/{action}", If_Match=tag)[0] == 200

        assert acted[0] == 200, acted
        assert (stale[0], stale[1]["code"]) == (412, "version_conflict")
        until(is_done)


def holds(record, patch):
    """Whether a record has what a patch of one field wanted."""
    ((name, value),) = patch.items()
    if name == "external_ids":
        return value.items() <= record[name].items()
    if name in {"addresses", "emails"}:
        return value[0].items() <= record[name][0].items()
    return record[name] == value


class TestManyWriters:
    def test_lose_nothing_of_one_record(self, client):
        _, made, _ = client("POST", "/v1/contacts", {"last_name": "Busy"})
        path = f"/v1/contacts/{made['id']}"

        def write(number):
            patch = {"external_ids": {f"system_{number % 10}": str(number)}}
            return client("PATCH", path, patch)[0]

        with ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(write, range(30)))
        _, after, _ = client("GET", path)

        assert set(codes) == {200}
        assert after["version"] == 31
        assert after["external_ids"].keys() == {f"system_{n}" for n in range(10)}

    def test_of_fields_of_their_own_all_come_through(self, client):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Busy"})
        payload = {"type": "note", "contact_id": contact["id"]}
        _, made, _ = client("POST", "/v1/interactions", payload)
        path = f"/v1/interactions/{made['id']}"
        patches = [{"metadata": {f"field_{n}": n}} for n in range(50)]

        def write(patch):
            code, answer, _ = answered(client, "PATCH", path, patch)
            return code, answer.get("code")

        with ThreadPoolExecutor(50) as pool:
            answers = set(pool.map(write, patches))
        after = client("GET", path)[1]

        assert answers == {(200, None)}
        assert after["metadata"] == {f"field_{n}": n for n in range(50)}
        assert after["version"] == 51

    def test_keep_disjoint_changes_and_hear_of_every_clash(self, client):
        address = {"type": "home", "city": "Bonn"}
        payload = {"last_name": "Busy", "phone": "1", "addresses": [address]}
        _, made, headers = client("POST", "/v1/contacts", payload)
        path = f"/v1/contacts/{made['id']}"
        patches = [
            *({"external_ids": {f"system_{n}": str(n)}} for n in range(8)),
            {"first_name": "Ada"},
            {"job_title": "Countess"},
            {"addresses": [{**address, "city": "Köln"}]},
            {"emails": [{"address": "ada@busy.example"}]},
            {"tags": ["busy"]},
            {"source": "fair"},
            *({"last_name": f"Busy {n}"} for n in range(18)),
            *({"phone": str(n)} for n in range(2, 20)),
        ]

        def write(patch):
            tag = headers["ETag"]
            code, answer, _ = answered(client, "PATCH", path, patch, If_Match=tag)
            return code, patch, answer

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(write, patches))
        after = client("GET", path)[1]
        stored = [patch for code, patch, _ in answers if code == 200]
        refused = [answer for code, _, answer in answers if code == 412]

        assert len(stored) + len(refused) == len(patches) == 50
        assert sum("last_name" in patch for patch in stored) == 1
        assert sum("phone" in patch for patch in stored) == 1
        assert sum("external_ids" in patch for patch in stored) >= 1
        assert all(answer["conflicts"] for answer in refused)
        assert all(holds(after, patch) for patch in stored)
        # Nobody else wanted these.
        assert all(patch in stored for patch in patches[8:14])


class TestObjects:
    def test_are_merged_by_their_members(self, client):
        _, made, _ = client(
            "POST",
            "/v1/accounts",
            {
                "name": "Objects",
                "billing_address": {"city": "Bonn", "street": "A 1"},
                "external_ids": {"sap": uuid.uuid4().hex, "crm": uuid.uuid4().hex},
            },
        )
        patch = {"billing_address": {"city": "Köln"}, "external_ids": {"crm": None}}
        _, changed, _ = client("PATCH", f"/v1/accounts/{made['id']}", patch)

        assert changed["billing_address"]["city"] == "Köln"
        assert changed["billing_address"]["street"] == "A 1"
        assert changed["external_ids"].keys() == {"sap"}

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/v1/contacts", "team_ids"),
            ("/v1/contacts", "external_ids"),
            ("/v1/interactions", "metadata"),
        ],
    )
    def test_are_emptied_by_null_as_lists_are(self, client, path, name):
        team_id = client("POST", "/v1/teams", {"name": "North"})[1]["id"]
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Li"})
        payload = {
            "/v1/contacts": {"last_name": "Li", "external_ids": {"sap": "1"}},
            "/v1/interactions": {"type": "note", "contact_id": contact["id"]},
        }[path]
        values = {"team_ids": [team_id], "metadata": {"order": 7}}
        payload |= {name: values[name]} if name in values else {}
        _, made, _ = client("POST", path, payload)
        code, emptied, _ = client("PATCH", f"{path}/{made['id']}", {name: None})

        assert code == 200, emptied
        assert (bool(made[name]), emptied[name]) == (True, type(made[name])())

    def test_leave_no_key_behind(self, client):
        key = {"sap": uuid.uuid4().hex}
        _, made, _ = client("POST", "/v1/accounts", {"name": "A", "external_ids": key})
        client("PATCH", f"/v1/accounts/{made['id']}", {"external_ids": {"sap": None}})

        code, _, _ = client("POST", "/v1/accounts", {"name": "B", "external_ids": key})

        assert code == 201


class TestInteractions:
    def test_can_be_corrected_archived_and_restored(self, client):
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Talks"})
        _, made, _ = client(
            "POST",
            "/v1/interactions",
            {
                "type": "call",
                "contact_id": contact["id"],
                "amount": {"amount": "3.50", "currency": "EUR"},
            },
        )
        path = f"/v1/interactions/{made['id']}"

        _, changed, _ = client("PATCH", path, {"amount": {"amount": "4.50"}})
        refused, problem, _ = client("PATCH", path, {"contact_id": None})
        archived, _, _ = client("DELETE", path)
        gone, _, _ = client("GET", path)
        restored, _, _ = client("POST", f"{path}/restore")

        assert changed["amount"] == {"amount": "4.50", "currency": "EUR"}
        assert (refused, problem["code"]) == (422, "interaction_unidentified")
        assert (archived, gone, restored) == (204, 404, 200)


class TestLists:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("filter[last_name]=GARCÍA", ["Garcia"]),
            ("filter[last_name][ne]=garcia", ["Smith", "王"]),
            ("filter[last_name][contains]=MIT", ["Smith"]),
            ("filter[last_name][starts_with]=王", ["王"]),
            ("filter[first_name][lte]=zz", []),
            ("filter[email][contains]=@lists", ["Smith"]),
            ("filter[email][exists]=false", ["Garcia", "王"]),
            ("filter[tags]=vip", ["Smith"]),
            ("filter[tags][nin]=vip,none", ["Garcia", "王"]),
            ("filter[created_at]=today", ["Garcia", "Smith", "王"]),
            ("filter[created_at][lt]=today", []),
            ("filter[created_at][gte]=last_7_days", ["Garcia", "Smith", "王"]),
            ("filter[lifecycle_stage][in]=customer,lead", ["Garcia", "Smith", "王"]),
            ("filter[lifecycle_stage][ne]=lead", ["Garcia"]),
        ],
    )
    def test_find(self, org, query, found):
        for payload in (
            {"last_name": "Smith", "email": "a@lists.example", "tags": ["vip", "b"]},
            {"last_name": "Garcia", "lifecycle_stage": "customer"},
            {"last_name": "王"},
        ):
            assert org("POST", "/v1/contacts", payload)[0] == 201

        code, page, _ = org(
            "GET", f"/v1/contacts?sort=last_name&{quote(query, '=[]&,@')}"
        )

        assert (code, names(page, "last_name")) == (200, found)

    def test_find_what_is_longer_than_what_is_compared(self, client):
        subject = "Minutes of the meeting. " * 15
        _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Li"})
        payload = {"type": "note", "contact_id": contact["id"], "subject": subject}
        client("POST", "/v1/interactions", payload)
        for operator in ("eq", "starts_with"):
            query = f"filter[subject][{operator}]={quote(subject)}"
            _, page, _ = client("GET", f"/v1/interactions?{query}")

            assert len(page["data"]) == 1, operator

    @pytest.mark.parametrize(
        "sort", ["last_name", "-last_name,created_at", "last_name,first_name"]
    )
    def test_are_paged_without_gap_or_repetition_while_others_write(self, org, sort):
        rows = [
            {"op": "create", "data": {"last_name": f"Name {number % 7}"}}
            for number in range(60)
        ]
        org("POST", "/v1/contacts/batch", {"operations": rows})
        path, seen, cursor = f"/v1/contacts?limit=7&sort={sort}", [], ""
        while True:
            _, page, _ = org("GET", path + cursor)
            seen += [(each["last_name"], each["id"]) for each in page["data"]]
            org("POST", "/v1/contacts", {"last_name": f"Name {len(seen) % 7}x"})
            if not page["page"]["has_more"]:
                break
            cursor = f"&cursor={page['page']['next_cursor']}"
        old = [each for each in seen if not each[0].endswith("x")]

        assert len(old) == len({each[1] for each in seen} & {e[1] for e in old}) == 60
        assert len(seen) == len(set(seen))

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("filter[amount][gte]=1000", ["1000.00", "2500.50"]),
            ("filter[amount][in]=99.9,1000", ["99.90", "1000.00"]),
            ("filter[amount]=99.90&filter[type]=purchase", ["99.90"]),
            ("filter[amount][exists]=true", ["99.90", "1000.00", "2500.50"]),
        ],
    )
    def test_compare_amounts_in_the_own_currency(self, org, query, found):
        _, own, _ = org("GET", "/v1/orgs/current")
        _, account, _ = org("POST", "/v1/accounts", {"name": "Engines"})
        amounts = [("2500.50", own["currency"]), ("99.90", own["currency"])]
        amounts += [("1000.00", own["currency"]), ("5000.00", "XAF"), None]
        for each in amounts:
            money = each and dict(zip(("amount", "currency"), each, strict=True))
            payload = {"type": "purchase", "account_id": account["id"]}
            payload["amount"] = money
            assert org("POST", "/v1/interactions", payload)[0] == 201

        code, page, _ = org("GET", f"/v1/interactions?sort=amount&{query}")

        assert code == 200
        assert [each["amount"]["amount"] for each in page["data"]] == found

    def test_find_a_long_text_by_all_of_it(self, org):
        subject = " ".join(f"word {number}" for number in range(60))
        _, account, _ = org("POST", "/v1/accounts", {"name": "Engines"})
        payload = {"type": "note", "account_id": account["id"], "subject": subject}
        _, made, _ = org("POST", "/v1/interactions", payload)

        for operator in ("[eq]", "[in]", "[starts_with]"):
            query = f"filter[subject]{operator}={quote(subject)}"
            _, page, _ = org("GET", f"/v1/interactions?{query}")

            assert page["data"] == [made]

    def test_find_a_hundred_by_their_ids(self, org):
        rows = [{"op": "create", "data": {"last_name": "Many"}}] * 100
        _, batch, _ = org("POST", "/v1/contacts/batch", {"operations": rows})
        ids = sorted(row["id"] for row in batch["results"])
        query = f"limit=200&filter[id][in]={','.join(ids)}"

        code, page, _ = org("GET", f"/v1/contacts?{query}")

        assert code == 200
        assert sorted(each["id"] for each in page["data"]) == ids

    def test_show_only_what_is_asked_for(self, org):
        org("POST", "/v1/contacts", {"email": "a@fields.example"})

        _, page, _ = org("GET", "/v1/contacts?fields=id,email&include=count")

        assert page["data"][0].keys() == {"id", "email"}
        assert page["page"] == {
            "next_cursor": None,
            "has_more": False,
            "count": 1,
            "count_capped": False,
        }

    def test_refuse_cursors_of_others(self, client, org):
        for number in range(3):
            org("POST", "/v1/contacts", {"last_name": f"Mine {number}"})
        _, page, _ = org("GET", "/v1/contacts?limit=1")
        cursor = page["page"]["next_cursor"]

        assert org("GET", f"/v1/contacts?cursor={cursor}")[0] == 200
        code, problem, _ = client("GET", f"/v1/contacts?cursor={cursor}")
        assert (code, problem["code"]) == (400, "invalid_cursor")


class TestBatches:
    def test_carry_out_each_row_for_itself_and_in_order(self, org):
        _, old, _ = org("POST", "/v1/contacts", {"last_name": "Old"})
        rows = [
            {"op": "create", "data": {"last_name": "New"}},
            {"op": "create", "data": {}},
            {"op": "update", "id": old["id"], "data": {"job_title": "CTO"}},
            {"op": "update", "id": old["id"], "version": 1, "data": {"job_title": "X"}},
            {"op": "upsert", "data": {"last_name": "A", "email": "a@batch.example"}},
            {"op": "upsert", "data": {"last_name": "B", "email": "A@batch.example"}},
            {"op": "delete", "id": old["id"]},
            {"op": "delete", "id": old["id"]},
            {"op": "explode"},
            7,
        ]

        code, answer, _ = org("POST", "/v1/contacts/batch", {"operations": rows})
        _, page, _ = org("GET", "/v1/contacts?sort=last_name")

        assert code == 200
        assert [each["status"] for each in answer["results"]] == [
            *(201, 422, 200, 412, 201, 200, 204, 404, 422, 422)
        ]
        assert answer["summary"] == {"succeeded": 5, "failed": 5}
        assert names(page, "last_name") == ["B", "New"]
        assert answer["results"][1]["error"]["errors"][0]["field"] == "last_name"

    def test_are_answered_once_under_a_key(self, org):
        rows = [{"op": "create", "data": {"last_name": f"R{n}"}} for n in range(120)]
        body = {"operations": rows}

        _, first, _ = org("POST", "/v1/contacts/batch", body, Idempotency_Key="b")
        _, second, headers = org(
            "POST", "/v1/contacts/batch", body, Idempotency_Key="b"
        )
        _, page, _ = org("GET", "/v1/contacts?include=count")

        assert first == second
        assert headers["Idempotency-Replayed"] == "true"
        assert page["page"]["count"] == 120

    def test_are_answered_however_large_their_records_are(self, org):
        _, contact, _ = org("POST", "/v1/contacts", {"last_name": "Large"})
        note = {"type": "note", "contact_id": contact["id"]}
        made = [{"op": "create", "data": note} for _ in range(240)]
        path = "/v1/interactions/batch"
        _, answer, _ = org("POST", path, {"operations": made})
        ids = [row["id"] for row in answer["results"]]
        for part in range(0, 240, 20):
            rows = [
                {"op": "update", "id": each, "data": {"body": "Ж" * 20_000}}
                for each in ids[part : part + 20]
            ]
            raw = json.dumps({"operations": rows}, ensure_ascii=False).encode()
            assert org("POST", path, raw=raw)[0] == 200

        change = [
            {"op": "update", "id": each, "data": {"subject": "Large"}} for each in ids
        ]
        asked = ("POST", path, {"operations": change})
        ask = partial(answered, org, *asked, Idempotency_Key="8")
        first, second = ask(), ask()
        rows = first[1]["results"]
        page = org("GET", "/v1/interactions?limit=200")

        assert (first[0], second[:2]) == (200, first[:2])
        assert second[2]["Idempotency-Replayed"] == "true"
        assert [(row["id"], row["status"]) for row in rows] == [
            (each, 200) for each in ids
        ]
        assert {row["version"] for row in rows} == {3}
        kept = [row["data"]["body"] for row in rows if "data" in row]
        assert 8_000_000 < sum(2 * len(body) for body in kept) < 2**23
        assert [len(each["body"]) for each in page[1]["data"]] == [20_000] * 200

    def test_make_one_record_of_upserts_at_once(self, org):
        def upsert(number):
            row = {"op": "upsert", "data": {"email": "one@batch.example"}}
            row["data"]["last_name"] = f"Writer {number}"
            _, answer, _ = org("POST", "/v1/contacts/batch", {"operations": [row]})
            return answer["results"][0]["status"]

        with ThreadPoolExecutor(10) as pool:
            statuses = list(pool.map(upsert, range(20)))
        _, page, _ = org("GET", "/v1/contacts?include=count")

        assert statuses.count(201) == 1
        assert set(statuses) <= {200, 201}
        assert page["page"]["count"] == 1

    def test_change_what_is_there_by_what_is_not_enough_for_a_new_one(self, org):
        path = "/v1/contacts/batch"
        there = {"last_name": "Li", "external_ids": {"erp": "4704"}}
        _, made, _ = org("POST", "/v1/contacts", there)
        rows = [
            {
                "op": "upsert",
                "match_by": "external_id",
                "data": {"first_name": "Mia", "external_ids": {"erp": number}},
            }
            for number in ("4704", "4705")
        ]
        _, answer, _ = org("POST", path, {"operations": rows})
        found, missing = answer["results"]
        changed = org("GET", f"/v1/contacts/{made['id']}")[1]

        assert (found["status"], found["id"]) == (200, made["id"])
        assert (changed["first_name"], changed["last_name"]) == ("Mia", "Li")
        assert missing["status"] == 422
        assert missing["error"]["errors"][0]["field"] == "last_name"

    def test_do_not_choose_among_several(self, org):
        for name in ("A", "B"):
            org("POST", "/v1/contacts", {"last_name": name, "email": "two@x.example"})
        rows = [{"op": "upsert", "data": {"email": "two@x.example", "last_name": "C"}}]

        _, answer, _ = org("POST", "/v1/contacts/batch", {"operations": rows})

        assert answer["results"][0]["error"]["code"] == "ambiguous_match"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"operations": []},
            {"operations": {}},
            {"operations": [{}] * 501},
            {"operations": [{}], "more": 1},
        ],
    )
    def test_have_one_to_five_hundred_rows(self, client, body):
        code, problem, _ = client("POST", "/v1/contacts/batch", body)

        assert code == 422
        assert problem["errors"][0]["field"] == "operations"
