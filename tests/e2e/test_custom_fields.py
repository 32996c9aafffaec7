"""Fields that an organization adds to its accounts and contacts."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e

NEW = {"accounts": {"name": "Custom"}, "contacts": {"last_name": "Custom"}}
OPTIONS = {"options": ["gold", "silver"]}
# A value of each type, how it may also be written, and what is none.
VALUES = {
    "text": (
        "Zürich — مرحبا ẹ́",
        "  Zürich — مرحبا ẹ́ ",
        ["x" * 2_001, 7, {}, "\x01", ""],
    ),
    "number": (12.5, "12.5", [True, "x", 1e16, 0.1234567, "1_0", "NaN", [], {}]),
    "money": (
        {"amount": "12.50", "currency": "EUR"},
        {"amount": "12.50", "currency": "EUR"},
        [5, {"amount": 1.5, "currency": "EUR"}, {"amount": "1", "currency": "xx"}],
    ),
    "date": (
        "2026-02-28",
        "2026-02-28",
        ["2026-02-30", "20260228", "1899-12-31", "2200-01-01", 5],
    ),
    "select": ("gold", "gold", ["bronze", 5, ["gold"], {"$gt": ""}]),
    "multi_select": (
        ["silver", "gold"],
        ["silver", "gold", "silver"],
        ["gold", ["bronze"], [["gold"]], ["gold"] * 51],
    ),
    "boolean": (False, False, ["false", 0]),
    "url": (
        "https://a.example/x?y=1",
        "https://a.example/x?y=1",
        ["javascript:alert(1)", "ftp://a.example", "https://", "http://[x", "a b"],
    ),
}


def define(client, **terms):
    """A new field of contacts: its definition."""
    payload = {"resource": "contacts", "key": f"k{uuid.uuid4().hex[:20]}", **terms}
    code, made, headers = client("POST", "/v1/custom-fields", payload)
    assert code == 201, made
    return {**made, "path": headers["Location"]}


def add(client, resource="contacts", **values):
    """A new record with these values: its path, and what was answered."""
    payload = {**NEW[resource], "custom": values}
    code, made, headers = client("POST", f"/v1/{resource}", payload)
    assert code == 201, made
    return headers["Location"], made


def refusal(answer):
    code, problem, _ = answer
    errors = {each["field"]: each["code"] for each in problem.get("errors", ())}
    return code, problem["code"], errors


def found(client, name, text, operator="eq", resource="contacts"):
    """The ids of the records that a filter finds."""
    query = f"filter[custom.{name}][{operator}]={quote(text)}"
    code, page, _ = client("GET", f"/v1/{resource}?{query}")
    assert code == 200, page
    return {each["id"] for each in page["data"]}


@pytest.fixture(scope="module")
def org(newcomer):
    return newcomer()


@pytest.fixture(scope="module")
def one(newcomer):
    client = newcomer()
    reference = add(client, "accounts")[1]["id"]
    values = {kind: value for kind, (value, _, _) in VALUES.items()}
    values["money"] = {
        "amount": "12.50",
        "currency": client("GET", "/v1/orgs/current")[1]["currency"],
    }
    for kind in VALUES:
        options = OPTIONS if "select" in kind else {}
        define(client, key=kind, type=kind, indexed=True, **options)
    terms = {"key": "reference", "type": "reference", "indexed": True}
    define(client, reference_to="accounts", **terms)
    _, made = add(client, reference=reference, **values)
    add(client)
    return client, made["id"], reference


class TestDefinitions:
    def test_follow_the_grammar_of_all_records(self, org):
        made = define(org, type="select", label="Tier", **OPTIONS)
        path = made["path"]
        _, listed, _ = org("GET", f"/v1/custom-fields?filter[key]={made['key']}")
        _, changed, _ = org("PATCH", path, {"label": None})
        codes = [
            org("DELETE", path)[0],
            org("GET", path)[0],
            org("POST", f"{path}/restore")[0],
            org("GET", path)[0],
        ]

        assert [each["id"] for each in listed["data"]] == [made["id"]]
        assert (changed["version"], changed["label"]) == (2, None)
        assert codes == [204, 404, 200, 200]

    def test_keep_their_key_for_ever(self, org):
        key = f"k{uuid.uuid4().hex[:20]}"
        path = define(org, key=key, type="text")["path"]
        org("DELETE", path)
        again = {"resource": "contacts", "key": key, "type": "number"}
        code, problem, _ = org("POST", "/v1/custom-fields", again)
        elsewhere = {**again, "resource": "accounts"}

        assert (code, problem["code"]) == (409, "duplicate_value")
        assert "key" in problem["detail"]
        assert org("POST", "/v1/custom-fields", elsewhere)[0] == 201

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"key": "Upper"}, "key"),
            ({"key": "a.b"}, "key"),
            ({"key": "$where"}, "key"),
            ({"key": "a" * 41}, "key"),
            ({"key": "a\n"}, "key"),
            ({"type": "formula"}, "type"),
            ({"type": "select"}, "options"),
            ({"options": ["a"]}, "options"),
            ({"type": "select", "options": []}, "options"),
            ({"type": "select", "options": ["a", "a"]}, "options"),
            ({"type": "select", "options": [f"o{n}" for n in range(201)]}, "options"),
            ({"type": "select", **OPTIONS, "default": "bronze"}, "default"),
            ({"type": "number", "default": "x"}, "default"),
            ({"type": "text", "unique": True, "default": "x"}, "default"),
            ({"type": "boolean", "unique": True}, "unique"),
            ({"type": "reference"}, "reference_to"),
            ({"type": "reference", "reference_to": "leads"}, "reference_to"),
            ({"resource": "leads"}, "resource"),
            ({"formula": "1"}, "formula"),
        ],
        ids=str,
    )
    def test_of_no_sense_are_refused(self, org, payload, field):
        terms = {"resource": "contacts", "key": "sense", "type": "text", **payload}
        code, problem, _ = org("POST", "/v1/custom-fields", terms)

        assert code == 422
        assert field in {each["field"] for each in problem["errors"]}

    @pytest.mark.parametrize(
        "patch",
        [
            {"type": "number"},
            {"key": "other"},
            {"resource": "accounts"},
            {"unique": True},
            {"options": ["a"]},
        ],
        ids=str,
    )
    def test_never_change_what_they_are(self, org, patch):
        path = define(org, type="text")["path"]

        assert org("PATCH", path, patch)[0] == 422

    def test_are_made_by_administrators_and_read_by_all(self, status, newcomer, org):
        made = define(org, type="text")
        rep = recruit(status, newcomer, org, "sales_rep")
        terms = {"resource": "contacts", "key": "mine", "type": "text"}

        assert rep("GET", made["path"])[0] == 200
        assert rep("POST", "/v1/custom-fields", terms)[0] == 403
        assert rep("PATCH", made["path"], {"label": "Mine"})[0] == 403
        assert rep("DELETE", made["path"])[0] == 403

    def test_of_others_are_not_there(self, newcomer, org):
        made = define(org, type="text")
        other = newcomer()
        payload = {**NEW["contacts"], "custom": {made["key"]: "x"}}

        assert other("GET", made["path"])[0] == 404
        assert other("GET", "/v1/custom-fields")[1]["data"] == []
        assert refusal(other("POST", "/v1/contacts", payload))[2] == {
            f"custom.{made['key']}": "unknown_field"
        }

    def test_are_thirty_indexed_at_most(self, newcomer):
        client = newcomer()
        for _ in range(30):
            define(client, type="text", indexed=True)
        more = define(client, type="text")
        terms = {"resource": "contacts", "key": "more", "type": "text"}
        answers = [
            client("POST", "/v1/custom-fields", {**terms, "indexed": True}),
            client("PATCH", more["path"], {"indexed": True}),
        ]

        assert [(code, problem["code"]) for code, problem, _ in answers] == [
            (409, "too_many_custom_fields")
        ] * 2


class TestValues:
    @pytest.mark.parametrize("resource", NEW)
    @pytest.mark.parametrize("kind", VALUES)
    def test_of_each_type_are_kept_and_shown(self, org, resource, kind):
        value, written, _ = VALUES[kind]
        options = OPTIONS if "select" in kind else {}
        key = define(org, resource=resource, type=kind, **options)["key"]
        path, made = add(org, resource, **{key: written})
        shown = org("GET", path)[1]
        listed = org("GET", f"/v1/{resource}?fields=custom&limit=1")[1]
        cleared = org("PATCH", path, {"custom": {key: None}})[1]

        assert made["custom"] == shown["custom"] == {key: value}
        assert listed["data"] == [{"custom": {key: value}}]
        assert cleared["custom"] == {}

    @pytest.mark.parametrize("kind", VALUES)
    def test_of_another_type_are_refused(self, org, kind):
        options = OPTIONS if "select" in kind else {}
        key = define(org, type=kind, **options)["key"]
        path, _ = add(org)
        for wrong in VALUES[kind][2]:
            code, problem, _ = org("PATCH", path, {"custom": {key: wrong}})

            if wrong == []:
                # An empty list is no value.
                assert code == 200
                continue
            fields = {each["field"] for each in problem["errors"]}
            assert (code, problem["code"]) == (422, "invalid_input"), wrong
            assert all(name.startswith(f"custom.{key}") for name in fields)

    @pytest.mark.parametrize(
        "custom", [[], "x", {"a.b": 1}, {"$set": 1}, {"": 1}, {"é" * 300: 1}], ids=str
    )
    def test_of_no_field_are_refused(self, org, custom):
        path, _ = add(org)

        assert org("PATCH", path, {"custom": custom})[0] == 422
        assert org("POST", "/v1/contacts", {**NEW["contacts"], "custom": custom})[
            0
        ] == (422)

    def test_called_like_those_of_money_can_be_read_again(self, newcomer):
        client = newcomer()
        for key in ("amount", "currency", "amount_base"):
            define(client, key=key, type="number")
        path, _ = add(client, amount=1, currency=2, amount_base=3)

        assert client("GET", path)[1]["custom"] == {
            "amount": 1,
            "currency": 2,
            "amount_base": 3,
        }

    def test_are_bounded_all_together(self, newcomer):
        client = newcomer()
        keys = [define(client, type="text")["key"] for _ in range(9)]
        path, _ = add(client)
        some, many = ({"custom": dict.fromkeys(keys, c * 2_000)} for c in "é\U0001f600")

        assert client("PATCH", path, some)[0] == 200
        assert refusal(client("PATCH", path, many)) == (
            422,
            "invalid_input",
            {"custom": "invalid"},
        )

    def test_refer_to_what_is_there(self, org, newcomer):
        key = define(org, type="reference", reference_to="accounts")["key"]
        account = add(org, "accounts")[1]["id"]
        path, made = add(org, **{key: account})
        strange = add(newcomer(), "accounts")[1]["id"]

        assert made["custom"] == {key: account}
        assert refusal(org("PATCH", path, {"custom": {key: strange}})) == (
            422,
            "reference_not_found",
            {f"custom.{key}": "reference_not_found"},
        )

    def test_that_are_required_cannot_be_missing(self, newcomer):
        client = newcomer()
        path, _ = add(client)
        define(client, key="needed", type="text", required=True)
        wanted = (422, "invalid_input", {"custom.needed": "required"})
        whole, made = add(client, needed="x")

        assert refusal(client("POST", "/v1/contacts", NEW["contacts"])) == wanted
        assert refusal(client("PATCH", whole, {"custom": {"needed": None}})) == wanted
        assert refusal(client("PATCH", whole, {"custom": None})) == wanted
        # A record from before is changed without it.
        assert client("PATCH", path, {"job_title": "x"})[0] == 200
        assert made["custom"] == {"needed": "x"}

    def test_are_there_by_default(self, newcomer):
        client = newcomer()
        define(client, key="tier", type="select", default="silver", **OPTIONS)
        define(client, key="tags", type="multi_select", default=["gold"], **OPTIONS)
        path, made = add(client)
        _, chosen = add(client, tier="gold", tags=None)

        assert made["custom"] == {"tier": "silver", "tags": ["gold"]}
        assert chosen["custom"] == {"tier": "gold"}
        assert client("PATCH", path, {"custom": {"tier": None}})[1]["custom"] == {
            "tags": ["gold"]
        }

    def test_that_were_taken_from_the_options_stay_where_they_are(self, newcomer):
        client = newcomer()
        field = define(client, key="tier", type="select", **OPTIONS)
        path, _ = add(client, tier="gold")
        changed = client("PATCH", field["path"], {"options": ["silver", "bronze"]})[1]
        other, _ = add(client, tier="bronze")

        assert changed["retired_options"] == ["gold"]
        assert client("PATCH", path, {"custom": {"tier": "gold"}})[0] == 200
        assert client("PATCH", path, {"job_title": "x"})[1]["custom"] == {
            "tier": "gold"
        }
        assert client("PATCH", other, {"custom": {"tier": "gold"}})[0] == 422

    def test_are_held_to_a_changed_definition_at_once(self, newcomer):
        client = newcomer()
        field = define(client, key="tier", type="select", **OPTIONS)
        path, _ = add(client)
        for number in range(10):
            option = f"new {number}"
            client("PATCH", field["path"], {"options": [option]})

            assert client("PATCH", path, {"custom": {"tier": option}})[0] == 200

    def test_of_archived_fields_are_hidden_and_come_back(self, newcomer):
        client = newcomer()
        field = define(client, key="inner", type="text", unique=True, indexed=True)
        define(client, key="open", type="text")
        path, made = add(client, inner="x", open="y")
        client("GET", path)
        client("DELETE", field["path"])
        hidden = until(lambda: client("GET", path)[1]["custom"] == {"open": "y"})
        answers = {
            "list": client("GET", "/v1/contacts")[1]["data"][0]["custom"],
            "patch": client("PATCH", path, {"custom": {"open": "z"}})[1]["custom"],
        }
        written = refusal(client("PATCH", path, {"custom": {"inner": "z"}}))
        asked = client("GET", "/v1/contacts?filter[custom.inner]=x")[0]
        client("POST", f"{field['path']}/restore")
        shown = until(
            lambda: client("GET", path)[1]["custom"] == {"open": "z", "inner": "x"}
        )

        assert hidden
        assert answers == {"list": {"open": "y"}, "patch": {"open": "z"}}
        assert written[2] == {"custom.inner": "unknown_field"}
        assert asked == 400
        assert shown
        assert found(client, "inner", "X") == {made["id"]}


class TestChanges:
    @pytest.fixture
    def keys(self, org):
        return [define(org, type="text")["key"] for _ in range(2)]

    def test_of_different_keys_do_not_clash(self, org, keys):
        first, second = keys
        path, _ = add(org)
        tag = org("GET", path)[2]["ETag"]
        org("PATCH", path, {"custom": {first: "a"}}, If_Match=tag)
        code, merged, _ = org("PATCH", path, {"custom": {second: "b"}}, If_Match=tag)

        assert (code, merged["custom"]) == (200, {first: "a", second: "b"})

    def test_of_the_same_key_clash(self, org, keys):
        key = keys[0]
        path, _ = add(org, **{key: "0"})
        tag = org("GET", path)[2]["ETag"]
        org("PATCH", path, {"custom": {key: "a"}}, If_Match=tag)
        code, problem, _ = org("PATCH", path, {"custom": {key: "b"}}, If_Match=tag)

        assert (code, problem["conflicts"]) == (
            412,
            {f"custom.{key}": {"original": "0", "current": "a", "yours": "b"}},
        )

    def test_that_change_nothing_make_no_version(self, org, keys):
        path, made = add(org, **{keys[0]: "a"})
        again = org("PATCH", path, {"custom": {keys[0]: "a", keys[1]: None}})[1]

        assert again["version"] == made["version"]

    def test_are_told_by_key_and_without_a_value(self, org, keys):
        value = uuid.uuid4().hex
        _, made = add(org, **{keys[0]: value})

        def told():
            page = org("GET", "/v1/events?after=0&limit=200")[1]
            return [
                each for each in page["data"] if each["aggregate"]["id"] == made["id"]
            ]

        (event,) = until(told)

        assert f"custom.{keys[0]}" in event["data"]["changed"]
        assert value not in str(event)

    def test_of_many_people_lose_nothing(self, org):
        path, _ = add(org)
        many = [define(org, type="number")["key"] for _ in range(10)]

        def write(key):
            return org("PATCH", path, {"custom": {key: 1}})[0]

        with ThreadPoolExecutor(10) as pool:
            codes = list(pool.map(write, many))

        assert set(codes) == {200}
        assert org("GET", path)[1]["custom"] == dict.fromkeys(many, 1)


class TestUnique:
    def test_values_are_one_records_own(self, org):
        key = define(org, type="text", unique=True)["key"]
        path, _ = add(org, **{key: "Nr 7"})
        other, _ = add(org)
        add(org)
        taken = (409, "duplicate_value", {f"custom.{key}": "duplicate_value"})
        payload = {**NEW["contacts"], "custom": {key: "NR  7"}}

        assert refusal(org("POST", "/v1/contacts", payload)) == taken
        assert refusal(org("PATCH", other, {"custom": {key: "nr 7"}})) == taken
        assert org("PATCH", path, {"custom": {key: None}})[0] == 200
        assert org("PATCH", other, {"custom": {key: "nr 7"}})[0] == 200

    def test_values_are_given_once_to_twenty_who_want_them(self, org):
        key = define(org, type="number", unique=True)["key"]
        payload = {**NEW["contacts"], "custom": {key: 7}}

        with ThreadPoolExecutor(20) as pool:
            codes = list(
                pool.map(lambda _: org("POST", "/v1/contacts", payload)[0], range(20))
            )

        assert sorted(codes) == [201, *[409] * 19]

    def test_values_find_the_record_of_an_upsert(self, org):
        key = define(org, type="text", unique=True)["key"]
        row = {"op": "upsert", "match_by": f"custom.{key}"}

        def upsert(title, **terms):
            data = {"last_name": "Up", "job_title": title, "custom": {key: "A-1"}}
            batch = {"operations": [{**row, "data": data, **terms}]}
            return org("POST", "/v1/contacts/batch", batch)[1]["results"][0]

        first, second = upsert("new"), upsert("known")
        unknown = upsert("x", match_by="custom.other")

        assert (first["status"], second["status"]) == (201, 200)
        assert (second["id"], second["data"]["job_title"]) == (first["id"], "known")
        assert (unknown["status"], unknown["error"]["errors"][0]["field"]) == (
            422,
            "match_by",
        )

    def test_values_make_one_record_of_twenty_upserts(self, org):
        key = define(org, type="text", unique=True, indexed=True)["key"]

        def upsert(number):
            data = {"last_name": f"Up {number}", "custom": {key: "A-1"}}
            row = {"op": "upsert", "match_by": f"custom.{key}", "data": data}
            answer = org("POST", "/v1/contacts/batch", {"operations": [row]})[1]
            return answer["results"][0]

        with ThreadPoolExecutor(20) as pool:
            rows = list(pool.map(upsert, range(20)))

        made = [row["id"] for row in rows if row["status"] == 201]
        assert len(made) == 1
        assert {row["status"] for row in rows} <= {200, 201}
        assert {row["id"] for row in rows if row["status"] == 200} <= set(made)
        assert found(org, key, "a-1") == set(made)


class TestFilters:
    @pytest.mark.parametrize(
        ("kind", "operator", "text"),
        [
            ("text", "eq", "ZURICH — مرحبا Ẹ"),
            ("text", "starts_with", "zür"),
            ("text", "gte", "zurich"),
            ("number", "eq", "12.5"),
            ("number", "in", "1,12.50"),
            ("number", "gt", "12.4999"),
            ("number", "lt", "1e2"),
            ("money", "eq", "12.5"),
            ("money", "lte", "12.50"),
            ("date", "eq", "2026-02-28"),
            ("date", "lt", "2026-03-01"),
            ("select", "in", "gold,bronze"),
            ("multi_select", "eq", "silver"),
            ("multi_select", "eq", "gold"),
            ("boolean", "eq", "false"),
            ("url", "eq", "https://a.example/x?y=1"),
            *((kind, "exists", "true") for kind in VALUES),
        ],
    )
    def test_find_what_fits(self, one, kind, operator, text):
        client, record_id, _ = one

        assert found(client, kind, text, operator) == {record_id}

    @pytest.mark.parametrize(
        ("kind", "operator", "text"),
        [
            ("text", "eq", "zur"),
            ("number", "gt", "12.5"),
            ("money", "lt", "12.5"),
            ("date", "gt", "2026-02-28"),
            ("select", "eq", "silver"),
            ("boolean", "eq", "true"),
            ("select", "ne", "gold"),
            ("multi_select", "nin", "gold,bronze"),
            ("number", "exists", "false"),
        ],
    )
    def test_leave_out_what_does_not(self, one, kind, operator, text):
        client, record_id, _ = one

        assert record_id not in found(client, kind, text, operator)

    def test_find_by_several(self, one):
        client, record_id, reference = one
        query = (
            f"filter[custom.reference]={reference}&filter[custom.number][gte]=12"
            "&filter[custom.number][lt]=13&include=count"
        )
        page = client("GET", f"/v1/contacts?{query}")[1]

        assert [each["id"] for each in page["data"]] == [record_id]
        assert page["page"]["count"] == 1

    @pytest.mark.parametrize(
        "query",
        [
            "filter[custom.text][contains]=zur",
            "filter[custom.boolean][gt]=true",
            "filter[custom.number]=x",
            "filter[custom.number]=NaN",
            "filter[custom.number]=1e400",
            "filter[custom.date]=2026-02-30",
            "filter[custom.nothing]=1",
            "filter[custom.]=1",
            "filter[custom.$where]=1",
            "filter[custom_index]=1",
            "filter[custom_index.k]=text",
            "sort=custom.text",
            "filter[custom.text]=x&sort=custom.text",
        ],
    )
    def test_that_make_no_sense_are_refused(self, one, query):
        assert one[0]("GET", f"/v1/contacts?{query}")[0] == 400

    def test_by_fields_without_an_index_say_what_to_do(self, org):
        key = define(org, type="text")["key"]
        code, problem, _ = org("GET", f"/v1/contacts?filter[custom.{key}]=x")

        assert (code, problem["code"]) == (400, "field_not_indexed")
        assert "indexed" in problem["detail"]

    def test_find_what_was_there_before_the_index(self, newcomer):
        client = newcomer()
        field = define(client, key="late", type="number")
        _, before = add(client, late=1)
        add(client)
        code, changed, _ = client("PATCH", field["path"], {"indexed": True})
        _, problem, _ = client("GET", "/v1/contacts?filter[custom.late]=1")
        _, meanwhile = add(client, late=1)
        until(lambda: client("GET", field["path"])[1]["index_status"] == "ready")

        assert (code, changed["index_status"]) == (200, "building")
        assert problem["code"] == "index_building"
        assert found(client, "late", "1") == {before["id"], meanwhile["id"]}


class TestManyRecords:
    @pytest.fixture
    def golden(self, newcomer):
        """A client whose field ``tier`` some contacts have, and two do not."""
        client = newcomer()
        define(client, key="tier", type="text", indexed=True)
        for tier in ("gold", "silver", "gold", "gold"):
            add(client, tier=tier)
        add(client)
        return client

    def finish(self, client, method, path, payload):
        code, job, _ = client(method, path, payload)
        assert code == 202, job
        address = f"/v1/bulk-updates/{job['id']}"
        until(lambda: client("GET", address)[1]["status"] == "done")
        return client("GET", address)[1]

    def test_are_changed_by_their_values_and_back(self, golden):
        change = {
            "resource": "contacts",
            "filter": {"custom.tier": "gold"},
            "changes": {"custom": {"tier": "lead"}},
        }
        job = self.finish(golden, "POST", "/v1/bulk-updates", change)
        changed = len(found(golden, "tier", "lead"))
        undo = f"/v1/bulk-updates/{job['id']}/undo"
        undone = self.finish(golden, "POST", undo, {})

        assert (job["counts"]["updated"], changed) == (3, 3)
        assert undone["counts"]["updated"] == 3
        assert len(found(golden, "tier", "gold")) == 3

    def test_are_taken_back_to_what_they_were(self, golden):
        path, _ = add(golden, tier="gold")
        golden("PATCH", path, {"custom": {"tier": None}})
        back = golden("POST", f"{path}/revert", {"sequence": 1})[1]

        assert back["custom"] == {"tier": "gold"}
        assert back["id"] in found(golden, "tier", "gold")

    def test_hide_their_values_from_whoever_may_not_see_them(
        self, status, newcomer, golden
    ):
        role = {
            "key": "half",
            "name": "Half",
            "grants": {"contacts": {"read": "all", "write": "all"}},
            "fields": {"contacts": {"custom": "none"}},
        }
        assert golden("POST", "/v1/roles", role)[0] == 201
        half = recruit(status, newcomer, golden, "half")
        path, _ = add(golden, tier="gold")
        answers = [
            half("GET", path),
            half("GET", "/v1/contacts"),
            half("GET", f"{path}/history"),
            half("PATCH", path, {"job_title": "x"}),
        ]
        asked = half("GET", "/v1/contacts?filter[custom.tier]=gold")[0]
        written = half("PATCH", path, {"custom": {"tier": "x"}})[1]["code"]

        assert [code for code, _, _ in answers] == [200] * 4
        assert not any("gold" in str(answer) for _, answer, _ in answers)
        assert (asked, written) == (400, "field_forbidden")


class TestLeads:
    def test_are_converted_though_a_field_is_required(self, newcomer):
        client = newcomer()
        define(client, resource="accounts", key="a", type="text", required=True)
        define(client, key="c", type="text", default="d")
        lead = client("POST", "/v1/leads", {"last_name": "L", "company": "C"})[1]
        client("POST", f"/v1/leads/{lead['id']}/qualify")
        code, made, _ = client("POST", f"/v1/leads/{lead['id']}/convert", {})

        assert code == 200
        assert client("GET", f"/v1/contacts/{made['contact_id']}")[1]["custom"] == {
            "c": "d"
        }
