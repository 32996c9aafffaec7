"""Accounts among accounts, stages, and tags."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from members import recruit

pytestmark = pytest.mark.e2e

MISSING = "01a207cb-a158-7c5e-b478-fdd8d973fa46"


def make(client, name="Acme", **fields):
    code, made, _ = client("POST", "/v1/accounts", {"name": name, **fields})
    assert code == 201, made
    return made["id"]


def move(client, account_id, parent_id):
    path = f"/v1/accounts/{account_id}"
    code, answer, _ = client("PATCH", path, {"parent_id": parent_id})
    return code, answer.get("code"), [e["field"] for e in answer.get("errors", ())]


def chain(client, length):
    ids = [make(client, "0")]
    for number in range(1, length):
        ids.append(make(client, str(number), parent_id=ids[-1]))
    return ids


def hierarchy(client, account_id):
    code, answer, _ = client("GET", f"/v1/accounts/{account_id}/hierarchy")
    assert code == 200, answer
    return {
        name: [each["id"] for each in answer[name]]
        for name in ("ancestors", "children")
    }


class TestAccounts:
    def test_are_no_circle(self, client):
        ids = chain(client, 3)
        circle = 422, "account_cycle", ["parent_id"]

        assert move(client, ids[0], ids[0]) == circle
        assert move(client, ids[0], ids[1]) == circle
        assert move(client, ids[0], ids[2]) == circle
        assert client("GET", f"/v1/accounts/{ids[0]}")[1]["parent_id"] is None

    def test_of_a_batch_are_no_circle_either(self, client):
        ids = chain(client, 2)
        rows = [{"op": "update", "id": ids[0], "data": {"parent_id": ids[1]}}]
        _, answer, _ = client("POST", "/v1/accounts/batch", {"operations": rows})

        assert answer["results"][0]["error"]["code"] == "account_cycle"

    def test_that_race_make_no_circle(self, client):
        for number in range(5):
            one, other = (make(client, f"{side}{number}") for side in "ab")
            beneath = make(client, "c", parent_id=one)
            ways = [(one, other), (other, beneath)]
            with ThreadPoolExecutor(2) as pool:
                codes = list(pool.map(lambda way: move(client, *way)[0], ways))

            assert sorted(codes) == [200, 422]

    def test_that_are_moved_back_together_make_no_circle(self, client, until):
        (one, other), (above, beyond) = (
            [make(client, name) for name in names] for names in ("ab", "xy")
        )
        move(client, one, above)
        move(client, other, beyond)
        rows = [
            {"op": "update", "id": each, "data": {"parent_id": None}}
            for each in (one, other)
        ]
        client("POST", "/v1/accounts/batch", {"operations": rows})
        (event,) = client("GET", f"/v1/accounts/{one}/history?limit=1")[1]["data"]
        move(client, above, other)
        move(client, beyond, one)
        path = f"/v1/operations/{event['operation_id']}/undo"
        job = f"/v1/bulk-updates/{client('POST', path)[1]['id']}"
        ended = until(lambda: (seen := client("GET", job)[1])["finished_at"] and seen)
        tops = [
            each
            for each in (one, other, above, beyond)
            if not hierarchy(client, each)["ancestors"]
        ]

        assert len(tops) == 1
        assert (ended["counts"]["updated"], ended["counts"]["failed"]) == (1, 1)

    def test_go_ten_levels_deep(self, client):
        ids = chain(client, 10)
        top, pair = make(client, "top"), chain(client, 2)
        payload = {"name": "x", "parent_id": ids[9]}
        code, answer, _ = client("POST", "/v1/accounts", payload)
        deep = 422, "account_too_deep", ["parent_id"]

        assert (code, answer["code"]) == (422, "account_too_deep")
        assert move(client, ids[0], top) == deep
        assert move(client, pair[0], ids[8]) == deep
        assert move(client, pair[0], ids[7])[0] == 200

    def test_belong_to_live_ones_only(self, client):
        gone = make(client)
        client("DELETE", f"/v1/accounts/{gone}")
        wrong = 422, "reference_not_found", ["parent_id"]

        assert move(client, make(client), gone) == wrong
        assert move(client, make(client), {"$ne": 1})[0] == 422

    def test_show_where_they_stand(self, client):
        top, middle, bottom = chain(client, 3)
        sibling = make(client, "s", parent_id=middle)

        assert hierarchy(client, bottom) == {"ancestors": [top, middle], "children": []}
        assert hierarchy(client, middle) == {
            "ancestors": [top],
            "children": [sibling, bottom],
        }

    def test_keep_their_place_while_one_above_is_away(self, client):
        top, middle, bottom = chain(client, 3)
        client("DELETE", f"/v1/accounts/{middle}")
        code, changed, _ = client("PATCH", f"/v1/accounts/{bottom}", {"name": "x"})

        assert (code, changed["parent_id"]) == (200, middle)
        assert hierarchy(client, bottom)["ancestors"] == []
        assert hierarchy(client, top)["children"] == []

        client("POST", f"/v1/accounts/{middle}/restore")
        assert hierarchy(client, bottom)["ancestors"] == [top, middle]

    def test_of_others_are_not_shown(self, client, newcomer, status):
        payload = {"key": "own", "name": "Own", "grants": {"accounts": {"read": "own"}}}
        client("POST", "/v1/roles", payload)
        rep = recruit(status, newcomer, client, "own")
        top = make(client)
        mine = make(client, parent_id=top, owner_id=rep.user_id)
        make(client, parent_id=mine)
        stranger = newcomer()

        assert hierarchy(rep, mine) == {"ancestors": [], "children": []}
        for who, account_id in ((rep, top), (stranger, mine)):
            answer = who("GET", f"/v1/accounts/{account_id}/hierarchy")
            assert (answer[0], answer[1]["code"]) == (404, "account_not_found")


def people_of(client, account_id):
    _, page, _ = client("GET", f"/v1/contacts?filter[account_id]={account_id}")
    return {each["id"] for each in page["data"]}


class TestPeopleOfSeveral:
    def test_are_found_by_each_of_them(self, client):
        one, other = make(client), make(client)
        accounts = [
            {"account_id": one, "role": "CFO"},
            {"account_id": other, "role": "Adviser"},
        ]
        payload = {"last_name": "Li", "accounts": accounts}
        _, made, _ = client("POST", "/v1/contacts", payload)
        _, view, _ = client("GET", f"/v1/accounts/{other}/overview")

        assert made["account_id"] == one
        assert made["accounts"] == [
            {**accounts[0], "is_primary": True},
            {**accounts[1], "is_primary": False},
        ]
        assert people_of(client, one) == people_of(client, other) == {made["id"]}
        shown = view["sections"]["contacts"]["data"]["data"][0]
        assert shown["accounts"][1]["role"] == "Adviser"

    def test_get_another_primary_one_by_its_id(self, client):
        one, other = make(client), make(client)
        payload = {"last_name": "Li", "account_id": one}
        _, made, _ = client("POST", "/v1/contacts", payload)
        path = f"/v1/contacts/{made['id']}"
        _, moved, _ = client("PATCH", path, {"account_id": other})
        _, left, _ = client("PATCH", path, {"account_id": None})

        only = {"role": None, "is_primary": True}
        assert made["accounts"] == [{"account_id": one, **only}]
        assert moved["accounts"] == [{"account_id": other, **only}]
        assert (left["account_id"], left["accounts"]) == (None, [])
        assert people_of(client, one) == people_of(client, other) == set()

    @pytest.mark.parametrize(
        ("fields", "at_fault"),
        [
            ({"accounts": [{}]}, "accounts.0.account_id"),
            ({"accounts": [{"account_id": None}]}, "accounts.0.account_id"),
            ({"accounts": [{"account_id": MISSING}]}, "accounts.0.account_id"),
            ({"accounts": [{"account_id": MISSING}] * 2}, "accounts"),
            ({"accounts": [{"account_id": MISSING}] * 21}, "accounts"),
            ({"accounts": [], "account_id": MISSING}, "account_id"),
            ({"accounts": [{"account_id": MISSING, "x": 1}]}, "accounts.0.x"),
            ({"accounts": "x"}, "accounts"),
        ],
    )
    def test_name_accounts_that_are_there(self, client, fields, at_fault):
        payload = {"last_name": "Li", **fields}
        code, problem, _ = client("POST", "/v1/contacts", payload)

        assert (code, problem["errors"][0]["field"]) == (422, at_fault)


@pytest.mark.parametrize(
    ("plural", "named"), [("accounts", "name"), ("contacts", "last_name")]
)
class TestStages:
    def test_are_entered_in_turn_and_remembered(self, client, plural, named):
        _, made, _ = client("POST", f"/v1/{plural}", {named: "Li"})
        path = f"/v1/{plural}/{made['id']}"
        _, moved, _ = client("PATCH", path, {"lifecycle_stage": "customer"})
        entries = moved["lifecycle_history"]

        assert [each["stage"] for each in entries] == ["lead", "customer"]
        assert made["lifecycle_stage_changed_at"] == made["created_at"]
        assert moved["lifecycle_stage_changed_at"] == entries[1]["entered_at"]
        assert client("GET", path)[1]["lifecycle_history"] == entries

    def test_are_not_left_where_there_is_no_way(self, client, plural, named):
        payload = {named: "Li", "lifecycle_stage": "customer"}
        _, made, _ = client("POST", f"/v1/{plural}", payload)
        path = f"/v1/{plural}/{made['id']}"
        code, problem, _ = client("PATCH", path, {"lifecycle_stage": "lead"})

        assert (code, problem["code"]) == (409, "lifecycle_transition_refused")
        assert "customer" in problem["detail"]
        assert "lead" in problem["detail"]
        assert client("GET", path)[1]["version"] == 1

    def test_that_were_a_slip_are_taken_back(self, client, until, plural, named):
        _, made, _ = client("POST", f"/v1/{plural}", {named: "Li"})
        path = f"/v1/{plural}/{made['id']}"
        client("PATCH", path, {"lifecycle_stage": "customer"})
        _, reverted, _ = client("POST", f"{path}/revert", {"sequence": 1})
        _, slip, _ = client("PATCH", path, {"lifecycle_stage": "evangelist"})
        _, history, _ = client("GET", f"{path}/history?limit=1")
        operation_id = history["data"][0]["operation_id"]

        assert reverted["lifecycle_stage"] == "lead"
        assert slip["lifecycle_stage"] == "evangelist"
        # What is not in the log yet is not there to be undone.
        undo = f"/v1/operations/{operation_id}/undo"
        until(lambda: client("POST", undo)[0] == 202)
        until(lambda: client("GET", path)[1]["lifecycle_stage"] == "lead")

    def test_are_not_set_past_their_ways(self, client, plural, named):
        for field in ("lifecycle_history", "lifecycle_stage_changed_at"):
            payload = {named: "Li", field: None}
            code, problem, _ = client("POST", f"/v1/{plural}", payload)

            assert (code, problem["errors"][0]["field"]) == (422, field)


@pytest.fixture(scope="module")
def tagged(newcomer):
    org = newcomer()
    for tags in (["vip", "press"], ["vip"], ["Über", "vip"], ["new", "press"]):
        org("POST", "/v1/contacts", {"last_name": "Li", "tags": tags})
    _, gone, _ = org("POST", "/v1/contacts", {"last_name": "Li", "tags": ["gone"]})
    org("DELETE", f"/v1/contacts/{gone['id']}")
    return org


class TestTags:
    def tags(self, who, **asked):
        text = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        code, answer, _ = who("GET", f"/v1/tags?{text}")
        assert code == 200, answer
        counts = [(each["name"], each["count"]) for each in answer["data"]]
        assert answer["page"]["has_more"] == (answer["page"]["next_cursor"] is not None)
        return counts, answer["page"]["next_cursor"]

    def test_in_use_are_listed_with_their_counts(self, tagged):
        assert self.tags(tagged, resource="contacts") == (
            [("new", 1), ("press", 2), ("vip", 3), ("Über", 1)],
            None,
        )
        assert self.tags(tagged, resource="accounts") == ([], None)

    def test_are_paged_and_narrowed(self, tagged):
        resource = "contacts"

        found, first = self.tags(tagged, resource=resource, limit="1")
        assert found == [("new", 1)]
        found, second = self.tags(tagged, resource=resource, limit="1", cursor=first)
        assert found == [("press", 2)]
        assert self.tags(tagged, resource=resource, cursor=second) == (
            [("vip", 3), ("Über", 1)],
            None,
        )
        assert self.tags(tagged, resource=resource, starts_with="v") == (
            [("vip", 3)],
            None,
        )
        assert self.tags(tagged, resource=resource, starts_with="x") == ([], None)
        path = f"/v1/tags?resource=contacts&starts_with=v&cursor={first}"
        code, answer, _ = tagged("GET", path)
        assert (code, answer["code"]) == (400, "invalid_cursor")

    def test_are_those_of_records_that_one_may_see(self, tagged, status, newcomer):
        grants = {"contacts": {"read": "own", "write": "own"}}
        tagged("POST", "/v1/roles", {"key": "own", "name": "Own", "grants": grants})
        rep = recruit(status, newcomer, tagged, "own")
        rep("POST", "/v1/contacts", {"last_name": "Li", "tags": ["mine", "vip"]})

        assert self.tags(rep, resource="contacts") == ([("mine", 1), ("vip", 1)], None)
        found, cursor = self.tags(rep, resource="contacts", limit="1")
        assert found == [("mine", 1)]
        assert self.tags(rep, resource="contacts", cursor=cursor) == (
            [("vip", 1)],
            None,
        )
        assert rep("GET", "/v1/tags?resource=accounts")[0] == 403

    def test_are_the_same_in_whatever_case(self, client):
        payload = {"last_name": "Li", "tags": [" VIP ", "vip", "press", "Vip"]}
        _, made, _ = client("POST", "/v1/contacts", payload)

        assert made["tags"] == ["VIP", "press"]

    @pytest.mark.parametrize(
        "asked",
        [
            "",
            "resource=leads",
            "resource=contacts&limit=0",
            "resource=contacts&limit=201",
            "resource=contacts&limit=x",
            "resource=contacts&cursor=x",
            f"resource=contacts&after={'x' * 51}",
        ],
    )
    def test_are_asked_for_properly(self, client, asked):
        assert client("GET", f"/v1/tags?{asked}")[0] == 400
