"""Fields of records that roles hide from somebody, or let them only read."""

import json
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from following import Stream
from members import recruit
from waiting import until

from svc_auth.domain.field_rights import HIDEABLE, rights_to

pytestmark = pytest.mark.e2e

EFFECTIVE_S = 2.0
TRIES = 8
GRANTS = {
    **{resource: {"read": "all", "write": "all"} for resource in HIDEABLE},
    "opportunities": {"read": "all"},
    "bulk-updates": {"read": "all", "write": "all"},
    "segments": {"read": "all", "write": "all"},
}

CONTACT = {
    "first_name": "Zephyrine",
    "last_name": "Quixotry",
    "emails": [{"address": "hidden.mail@secret.example", "type": "private"}],
    "phones": [{"number": "+44 20 7946 0123", "type": "mobile"}],
    "job_title": "Cartographer",
    "do_not_contact": True,
    "addresses": [{"city": "Xanadu", "country": "GB"}],
    "tags": ["velvet"],
    "custom": {"sign": "Sagittarius"},
}
ADA = {"last_name": "King", "email": "ada@secret.example"}
DRY_RUN = {
    "resource": "contacts",
    "filter": {"email": "ada@secret.example"},
    "changes": {"source": "web"},
    "dry_run": True,
}
BY_ADDRESS = {"field": "email", "value": "hidden.mail@secret.example"}
# What shows each of these, wherever it is shown.
SIGNS = {
    "first_name": ["Zephyrine"],
    "last_name": ["Quixotry"],
    "emails": ["secret.example"],
    # Four digits alone are found in ids, too.
    "phones": ["7946 0123", "79460123"],
    "job_title": ["Cartographer"],
    "do_not_contact": ['"do_not_contact":'],
    "addresses": ["Xanadu"],
    "tags": ["velvet"],
    "external_ids": ["ext-4711"],
    "custom": ["Sagittarius"],
    "interaction_count": ['"interaction_count":'],
    "last_interaction_at": ['"last_interaction_at":'],
}
ASKED_BY = {
    "filter[last_name]=Quixotry": "last_name",
    "filter[last_name][contains]=uixo": "last_name",
    "filter[first_name][starts_with]=zeph": "first_name",
    "filter[email]=hidden.mail@secret.example": "emails",
    "filter[email][contains]=secret": "emails",
    "filter[job_title]=Cartographer": "job_title",
    "filter[do_not_contact]=true": "do_not_contact",
    "filter[tags]=velvet": "tags",
    "filter[external_id]=erp:ext-4711": "external_ids",
    "filter[custom.sign]=Sagittarius": "custom",
    "filter[custom.sign][exists]=true": "custom",
    "sort=last_name": "last_name",
    "sort=last_name,first_name": "first_name",
    "fields=id,phone": "phones",
    "fields=id,emails": "emails",
}


class Org:
    """An owner, a member with one role, and that role."""

    def __init__(self, status, newcomer):
        self.gateway = status["gateway"]
        self.owner = newcomer()
        payload = {"key": "clerk", "name": "Clerk", "grants": GRANTS}
        code, role, _ = self.owner("POST", "/v1/roles", payload)
        assert code == 201, role
        self.role = f"/v1/roles/{role['id']}"
        self.clerk = recruit(status, newcomer, self.owner, "clerk")
        self.define("sign", indexed=True)

    def define(self, key, **terms):
        """Give contacts another field: its path."""
        payload = {"resource": "contacts", "key": key, "type": "text", **terms}
        code, made, headers = self.owner("POST", "/v1/custom-fields", payload)
        assert code == 201, made
        return headers["Location"]

    def restrict(self, **fields):
        """Give the role these rights to fields, and wait until they hold."""
        before = self.owner("GET", self.role)[1]["fields"]
        emptied = {
            resource: dict.fromkeys(rights) for resource, rights in before.items()
        }
        for resource, rights in fields.items():
            emptied[resource] = emptied.get(resource, {}) | rights
        code, answer, _ = self.owner("PATCH", self.role, {"fields": emptied})
        assert code == 200, answer
        wanted = {name: rights for name, rights in fields.items() if rights}
        until(
            # There are several processes that have to hear of it.
            lambda: all(self._held() == wanted for _ in range(TRIES)),
            EFFECTIVE_S,
        )

    def _held(self):
        _, me, _ = self.clerk("GET", "/v1/me")
        held = {}
        for kind, right in (("hidden_fields", "none"), ("read_only_fields", "read")):
            for resource, names in me[kind].items():
                for name in names:
                    if rights_to(resource, name):
                        held.setdefault(resource, {})[name] = right
        return held


@pytest.fixture(scope="module")
def org(status, newcomer):
    return Org(status, newcomer)


@pytest.fixture
def contact(org):
    return make_contact(org)


def make_contact(org, **values):
    payload = {**CONTACT, **values}
    payload["external_ids"] = {"erp": f"ext-4711-{uuid.uuid4().hex}"}
    code, made, _ = org.owner("POST", "/v1/contacts", payload)
    assert code == 201, made
    return made


def texts(org, contact, account_id):
    """Whatever the clerk is answered about a contact, by what was asked."""
    client, path = org.clerk, f"/v1/contacts/{contact['id']}"
    one = f"?filter[id]={contact['id']}"
    now = datetime.now(tz=UTC).isoformat()
    asked = {
        "get": ("GET", path),
        "list": ("GET", f"/v1/contacts{one}&include=count"),
        "sparse": ("GET", f"/v1/contacts{one}&fields=id,version,source"),
        "history": ("GET", f"{path}/history"),
        "as_of": ("GET", f"{path}?as_of={quote(now)}"),
        "overview": ("GET", f"/v1/accounts/{account_id}/overview"),
        "home": ("GET", "/v1/home"),
        "events": ("GET", "/v1/events?after=0&limit=200"),
        "patch": ("PATCH", path, {"source": uuid.uuid4().hex}),
        "batch": (
            "POST",
            "/v1/contacts/batch",
            {
                "operations": [
                    {"op": "update", "id": contact["id"], "data": {"source": "batch"}}
                ]
            },
        ),
        "delete": ("DELETE", path),
        "restore": ("POST", f"{path}/restore"),
    }
    found = {}
    for name, request in asked.items():
        code, answer, _ = client(*request)
        assert code < 300, (name, code, answer)
        # Accounts have fields of the same names.
        sections = answer["sections"] if name == "overview" else {}
        found[name] = as_text(sections.get("contacts", answer))
    code, answer, _ = client(
        "PATCH", path, {"source": "mine"}, If_Match='"v1-00000000"'
    )
    assert (code, answer["code"]) == (412, "version_conflict")
    return {**found, "conflict": as_text(answer)}


def as_text(answer):
    if isinstance(answer, bytes):
        return answer.decode()
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)


class TestHidden:
    @pytest.mark.parametrize("field", HIDEABLE["contacts"])
    def test_is_in_no_answer(self, org, field):
        org.restrict()
        _, account, _ = org.owner("POST", "/v1/accounts", {"name": "Engines"})
        made = make_contact(org, account_id=account["id"])
        org.owner("PATCH", f"/v1/contacts/{made['id']}", {"source": "web"})
        seen = texts(org, made, account["id"])
        assert any(sign in seen["get"] for sign in SIGNS[field])
        org.restrict(contacts={field: "none"})

        for name, text in texts(org, made, account["id"]).items():
            for sign in SIGNS[field]:
                assert sign not in text, (name, text)
            for key in (field, *HIDEABLE["contacts"][field]):
                assert f'"{key}":' not in text, (name, text)

    @pytest.mark.parametrize(
        ("field", "words"),
        [
            ("first_name", ["zephyrine"]),
            ("last_name", ["quixotry", "zephyrine quixotry"]),
            ("emails", ["hidden.mail@secret.example", "secret.example"]),
            ("phones", ["+442079460123", "2079460123"]),
        ],
    )
    @pytest.mark.usefixtures("contact")
    def test_finds_nothing_in_a_search(self, org, field, words):
        org.restrict(contacts={field: "none"})
        for word in words:
            path = f"/v1/search?q={quote(word)}&types=contacts"

            assert org.owner("GET", path)[1]["hits"]
            code, answer, _ = org.clerk("GET", path)
            assert (code, answer["hits"]) == (200, [])
            found = answer["sections"]["contacts"]["data"]
            assert found == {"hits": 0, "has_more": False}

    @pytest.mark.usefixtures("contact")
    def test_is_not_the_name_of_a_hit(self, org):
        org.restrict(contacts={"last_name": "none", "job_title": "none"})
        _, answer, _ = org.clerk("GET", "/v1/search?q=zephyrine&types=contacts")

        assert {each["title"] for each in answer["hits"]} == {"Zephyrine"}
        assert "Cartographer" not in as_text(answer)

    @pytest.mark.parametrize(("query", "field"), ASKED_BY.items())
    def test_is_nothing_to_ask_by(self, org, query, field):
        org.restrict(contacts={field: "none"})
        path = f"/v1/contacts?{query}"

        assert org.owner("GET", path)[0] == 200
        code, answer, _ = org.clerk("GET", path)
        assert code == 400, answer
        assert answer["code"] in {"invalid_filter", "invalid_sort", "invalid_fields"}

    @pytest.mark.parametrize(
        ("path", "payload"),
        [
            ("/v1/contacts", ADA),
            ("/v1/contacts/batch", {"operations": [{"op": "create", "data": ADA}]}),
            ("/v1/bulk-updates", DRY_RUN),
        ],
    )
    def test_is_not_remembered_for_an_answer(self, org, path, payload):
        key = uuid.uuid4().hex
        org.restrict()
        first = org.clerk("POST", path, payload, Idempotency_Key=key)
        assert "secret.example" in as_text(first[1])
        org.restrict(contacts={"emails": "none"})
        code, again, headers = org.clerk("POST", path, payload, Idempotency_Key=key)

        assert (code, headers["Idempotency-Replayed"]) == (first[0], "true")
        assert "secret.example" not in as_text(again)

    def test_is_not_in_the_memory_of_the_gateway(self, org, contact):
        path = f"/v1/contacts/{contact['id']}"
        org.restrict()
        for _ in range(8):
            _, _, headers = org.clerk("GET", path)
        org.restrict(contacts={"emails": "none"})

        for _ in range(8):
            code, answer, now = org.clerk("GET", path, If_None_Match=headers["ETag"])
            assert (code, answer.get("emails")) == (200, None)
            assert now["ETag"] != headers["ETag"]

    def test_is_not_told_by_the_stream(self, org, contact):
        org.restrict(contacts=dict.fromkeys(HIDEABLE["contacts"], "none"))
        with Stream(org.gateway, org.clerk.token) as stream:
            assert stream.status == 200
            path = f"/v1/contacts/{contact['id']}"
            org.owner("PATCH", path, {"last_name": "Quixotry-King"})
            # What was done before, to others too, may be told a moment later.
            events = iter(stream.next_event, None)
            document = next(
                told
                for _, name, told in events
                if name == "customer.contact_updated"
                and told["aggregate"]["id"] == contact["id"]
            )

        assert document["data"]["changed"] == ["last_name"]
        assert "Quixotry" not in as_text(document)

    @pytest.mark.parametrize(
        ("path", "resource", "field"),
        [
            ("/v1/tags?resource=contacts", "contacts", "tags"),
            ("/v1/accounts/{}/hierarchy", "accounts", "parent_id"),
        ],
    )
    def test_has_no_route_of_its_own(self, org, path, resource, field):
        _, account, _ = org.owner("POST", "/v1/accounts", {"name": "Engines"})
        path = path.format(account["id"])
        org.restrict()
        assert org.clerk("GET", path)[0] == 200
        org.restrict(**{resource: {field: "none"}})
        code, answer, _ = org.clerk("GET", path)

        assert (code, answer["code"]) == (403, "field_forbidden")
        assert [each["field"] for each in answer["errors"]] == [field]

    def test_of_other_resources_is_left_out_too(self, org):
        org.restrict(
            accounts={"phone": "none"},
            interactions={"body": "none"},
            leads={"email": "none"},
            opportunities={"close_on": "none"},
        )
        records = {
            "accounts": ({"name": "A", "phone": "+44 20 7946 0123"}, "phone"),
            "leads": ({"company": "Engines", "email": "x@secret.example"}, "email"),
        }
        for resource, (payload, hidden) in records.items():
            _, made, _ = org.owner("POST", f"/v1/{resource}", payload)
            _, seen, _ = org.clerk("GET", f"/v1/{resource}/{made['id']}")
            names = {hidden, *HIDEABLE[resource][hidden]}

            assert made.keys() - seen.keys() == names
        lead = f"/v1/leads/{made['id']}"
        assert org.owner("POST", f"{lead}/qualify")[0] == 200
        details = {"opportunity": {"name": "Ten", "close_on": "2026-06-30"}}
        _, converted, _ = org.owner("POST", f"{lead}/convert", details)
        opportunity = f"/v1/opportunities/{converted['opportunity_id']}"
        _, seen, _ = org.clerk("GET", opportunity)
        _, listed, _ = org.clerk("GET", "/v1/opportunities")

        assert seen["name"] == "Ten"
        assert "close_on" not in seen
        assert "close_on" not in as_text(listed)


class TestReadOnly:
    def test_is_seen_and_not_written(self, org, contact):
        org.restrict(contacts={"emails": "read", "owner_id": "read"})
        path = f"/v1/contacts/{contact['id']}"
        _, seen, _ = org.clerk("GET", path)
        assert seen["email"] == contact["email"]

        for patch in ({"email": "x@y.example"}, {"emails": []}, {"owner_id": "x"}):
            code, answer, _ = org.clerk("PATCH", path, {**patch, "source": "x"})
            assert (code, answer["code"]) == (403, "field_forbidden")
            assert [each["field"] for each in answer["errors"]] == [*patch]
        assert org.clerk("GET", path)[1]["version"] == seen["version"]
        assert org.clerk("PATCH", path, {"source": "elsewhere"})[0] == 200

    def test_is_not_given_to_a_new_record(self, org):
        org.restrict(contacts={"emails": "read", "last_name": "read"})
        code, answer, _ = org.clerk("POST", "/v1/contacts", {"first_name": "Ada"})

        assert (code, answer["code"]) == (403, "field_forbidden")
        assert [each["field"] for each in answer["errors"]] == ["last_name"]

    def test_that_is_needed_is_missed_clearly(self, org):
        org.restrict(accounts={"name": "read"})
        code, answer, _ = org.clerk("POST", "/v1/accounts", {"domain": "x.example"})

        assert (code, answer["code"]) == (403, "field_forbidden")
        assert [each["field"] for each in answer["errors"]] == ["name"]

    @pytest.fixture
    def needed(self, org):
        path = org.define("needed", required=True)
        yield
        assert org.owner("DELETE", path)[0] == 204

    @pytest.mark.usefixtures("needed")
    def test_that_the_organization_needs_is_missed_as_clearly(self, org):
        org.restrict(contacts={"custom": "read"})
        code, answer, _ = org.clerk("POST", "/v1/contacts", {"last_name": "King"})

        assert (code, answer["code"]) == (403, "field_forbidden")
        assert [each["field"] for each in answer["errors"]] == ["custom.needed"]

    def test_is_refused_row_by_row(self, org, contact):
        org.restrict(contacts={"emails": "none", "tags": "read"})
        name = uuid.uuid4().hex
        rows = [
            {"op": "create", "data": {"last_name": name}},
            {"op": "create", "data": {"last_name": name, "tags": ["x"]}},
            {"op": "update", "id": contact["id"], "data": {"tags": []}},
            {"op": "upsert", "data": {"email": "hidden.mail@secret.example"}},
            {
                "op": "upsert",
                "match_by": "email",
                "data": {"last_name": "x", "email": "hidden.mail@secret.example"},
            },
        ]
        _, answer, _ = org.clerk("POST", "/v1/contacts/batch", {"operations": rows})
        refused = [each.get("error", {}).get("code") for each in answer["results"]]

        assert refused == [None, *["field_forbidden"] * 4]
        assert "secret.example" not in as_text(answer)

    def test_status_is_not_changed_by_qualifying_either(self, org):
        org.restrict(leads={"status": "read"}, opportunities={"amount": "read"})
        _, lead, _ = org.owner("POST", "/v1/leads", {"company": "Engines"})
        path = f"/v1/leads/{lead['id']}"
        assert org.clerk("POST", f"{path}/qualify")[0] == 403
        assert org.owner("POST", f"{path}/qualify")[0] == 200
        assert org.clerk("POST", f"{path}/convert", {})[0] == 403
        org.restrict(opportunities={"amount": "read"})
        amount = {"amount": {"amount": "1.00", "currency": "EUR"}}
        code, answer, _ = org.clerk("POST", f"{path}/convert", {"opportunity": amount})

        assert (code, answer["errors"][0]["field"]) == (403, "amount")
        assert org.clerk("POST", f"{path}/convert", {})[0] == 200


class TestManyRecords:
    def bulk(self, client, asked, changes):
        payload = {"resource": "contacts", "filter": asked, "changes": changes}
        return client("POST", "/v1/bulk-updates", payload)

    def test_are_neither_found_by_what_is_hidden_nor_given_it(self, org, contact):
        org.restrict(contacts={"emails": "none", "tags": "read"})
        by_id = {"id": contact["id"]}
        code, answer, _ = self.bulk(org.clerk, {"email": "x@y.z"}, {"source": "x"})
        assert (code, answer["errors"][0]["code"]) == (422, "invalid_filter")

        for changes in ({"email": None}, {"tags": []}):
            code, answer, _ = self.bulk(org.clerk, by_id, changes)
            assert (code, answer["code"]) == (403, "field_forbidden")

    def test_are_changed_by_others_in_ways_that_are_not_told(self, org, contact):
        asked = {"id": contact["id"], "email": "hidden.mail@secret.example"}
        changes = {"phone": "+44 20 7946 0999", "source": "web"}
        code, job, _ = self.bulk(org.owner, asked, changes)
        assert code == 202, job
        path = f"/v1/bulk-updates/{job['id']}"
        org.restrict(contacts={"emails": "none", "phones": "none"})
        _, seen, _ = org.clerk("GET", path)
        _, listed, _ = org.clerk("GET", "/v1/bulk-updates")

        assert seen["filter"] == {"id": contact["id"]}
        assert seen["changes"] == {"source": "web"}
        assert "secret.example" not in as_text(listed)
        assert org.owner("GET", path)[1]["changes"] == changes

    def test_keep_what_is_hidden_when_an_operation_is_undone(self, org, contact):
        path = f"/v1/contacts/{contact['id']}"
        org.owner("PATCH", path, {"email": "new.mail@secret.example"})
        _, history, _ = org.owner("GET", f"{path}/history")
        operation_id = history["data"][0]["operation_id"]
        org.restrict(contacts={"emails": "none"})
        code, job, _ = org.clerk("POST", f"/v1/operations/{operation_id}/undo")
        assert code == 202, job
        found = f"/v1/bulk-updates/{job['id']}"
        done = until(lambda: ended(org.clerk("GET", found)[1]))
        _, conflicts, _ = org.clerk("GET", f"{found}/conflicts")

        assert (done["counts"]["updated"], done["counts"]["failed"]) == (0, 1)
        assert [each["code"] for each in conflicts["data"]] == ["field_forbidden"]
        assert "secret.example" not in as_text(conflicts)
        assert org.owner("GET", path)[1]["email"] == "new.mail@secret.example"


class TestSegments:
    def make(self, client, definition):
        payload = {"resource": "contacts", "kind": "dynamic", "definition": definition}
        return client("POST", "/v1/segments", {**payload, "name": uuid.uuid4().hex})

    def test_are_not_made_by_what_is_hidden(self, org):
        org.restrict(contacts={"emails": "none"})
        asked = {"not": BY_ADDRESS}
        preview = {"resource": "contacts", "definition": asked}

        for answer in (
            self.make(org.clerk, asked),
            org.clerk("POST", "/v1/segments/preview", preview),
        ):
            assert answer[0] == 422, answer
            named = [each["field"] for each in answer[1]["errors"]]
            assert named == ["definition.not.field"]

    def test_of_others_do_not_tell_by_what_they_are_made(self, org):
        code, made, _ = self.make(org.owner, BY_ADDRESS)
        assert code == 201, made
        path = f"/v1/segments/{made['id']}"
        code, other, _ = self.make(
            org.owner, {"field": "source", "op": "eq", "value": "web"}
        )
        org.restrict(contacts={"emails": "none"})
        _, seen, _ = org.clerk("GET", path)
        _, listed, _ = org.clerk("GET", "/v1/segments?limit=200")

        assert seen["definition"] is None
        assert "secret.example" not in as_text(listed)
        rows = {each["id"]: each["definition"] for each in listed["data"]}
        assert rows[other["id"]] == other["definition"]
        for patch in ({"name": "Mine"}, {"definition": other["definition"]}):
            code, answer, _ = org.clerk("PATCH", path, patch)
            assert (code, answer["code"]) == (403, "field_forbidden")
            assert "secret.example" not in as_text(answer)

    def test_do_not_tell_by_what_they_were_made_either(self, org):
        by_source = {"field": "source", "op": "eq", "value": "web"}
        org.restrict()
        _, made, _ = self.make(org.owner, BY_ADDRESS)
        path = f"/v1/segments/{made['id']}"
        answers = [made]
        for definition in (by_source, BY_ADDRESS, {"not": by_source}):
            code, answer, _ = org.owner("PATCH", path, {"definition": definition})
            assert code == 200, answer
            answers.append(answer)
        moments = [quote(each["updated_at"]) for each in answers]
        asked = [f"{path}/history", *(f"{path}?as_of={each}" for each in moments)]
        seen = [org.clerk("GET", each)[1] for each in asked]
        assert as_text(seen).count("secret.example") == 6
        until(lambda: org.owner("GET", path)[1]["status"] == "ready")
        org.restrict(contacts={"emails": "none"})
        past, *states = [org.clerk("GET", each)[1] for each in asked]
        patch = {"definition": {"field": "source", "value": "fair"}}
        stale = org.clerk("PATCH", path, patch, If_Match='"v1-00000000"')
        _, whole, _ = org.owner("GET", f"{path}/history")

        assert "secret.example" not in as_text([past, states, stale[1]])
        assert [each["definition"] for each in states] == [
            *(None, by_source, None, {"not": by_source})
        ]
        assert not any("definition" in each["changes"] for each in past["data"])
        assert len(past["data"]) == len(whole["data"])
        assert (stale[0], stale[1]["code"]) == (412, "version_conflict")
        assert "definition" not in stale[1]["conflicts"]

    def test_do_not_tell_by_what_they_are_made_in_remembered_answers(self, org):
        org.restrict()
        paths = [
            f"/v1/segments/{self.make(org.owner, BY_ADDRESS)[1]['id']}" for _ in "123"
        ]
        until(lambda: all(org.owner("GET", p)[1]["status"] == "ready" for p in paths))
        org.owner("DELETE", paths[2])
        requests = [
            ("POST", f"{paths[0]}/refresh", None),
            ("PATCH", paths[1], {"description": "Mine"}),
            ("POST", f"{paths[2]}/restore", None),
        ]
        keys = [uuid.uuid4().hex for _ in requests]

        def ask():
            return [
                org.clerk(*request, Idempotency_Key=key)
                for request, key in zip(requests, keys, strict=True)
            ]

        first, same = ask(), ask()
        org.restrict(contacts={"emails": "none"})
        later = ask()

        assert "secret.example" not in as_text([each[1] for each in later])
        for fresh, again, cut in zip(first, same, later, strict=True):
            assert fresh[1]["definition"] == BY_ADDRESS
            assert again[1] == fresh[1]
            assert cut[1] == {**fresh[1], "definition": None}
            assert cut[2]["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize("interactions", [{}, {"read": "own"}, {"read": "team"}])
    def test_need_to_see_what_they_ask_for(self, org, status, newcomer, interactions):
        grants = {
            "contacts": {"read": "all"},
            "interactions": interactions,
            "segments": {"read": "all", "write": "all"},
        }
        key = f"planner_{uuid.uuid4().hex[:8]}"
        role = {"key": key, "name": "Planner", "grants": grants}
        assert org.owner("POST", "/v1/roles", role)[0] == 201
        planner = recruit(status, newcomer, org.owner, key)
        happened = {"interactions": "purchase", "count": {"gte": 1}}
        accounts = {
            "resource": "accounts",
            "definition": {"field": "source", "value": "x"},
        }
        preview = {"resource": "contacts", "definition": happened}
        code, theirs, _ = self.make(planner, {"field": "source", "value": "web"})
        assert code == 201
        path = f"/v1/segments/{theirs['id']}"

        for answer in (
            self.make(planner, happened),
            planner("PATCH", path, {"definition": {"not": happened}}),
            planner("POST", "/v1/segments/preview", preview),
            planner("POST", "/v1/segments/preview", accounts),
        ):
            assert (answer[0], answer[1]["code"]) == (403, "permission_missing")


def ended(job):
    return job["finished_at"] and job


class TestRoles:
    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"nothing": {}}, "fields.nothing"),
            ({"contacts": "none"}, "fields.contacts"),
            ({"contacts": {"no_such": "none"}}, "fields.contacts.no_such"),
            ({"contacts": {"email": "none"}}, "fields.contacts.email"),
            ({"contacts": {"tags": "own"}}, "fields.contacts.tags"),
            ({"contacts": {"id": "read"}}, "fields.contacts.id"),
            ({"contacts": {"owner_id": "none"}}, "fields.contacts.owner_id"),
            (
                {"accounts": {"lifecycle_stage": "none"}},
                "fields.accounts.lifecycle_stage",
            ),
            ({"opportunities": {"amount": "none"}}, "fields.opportunities.amount"),
        ],
    )
    def test_that_make_no_sense_are_not_made(self, org, fields, wrong):
        payload = {"key": "x", "name": "X", "grants": {}, "fields": fields}
        code, answer, _ = org.owner("POST", "/v1/roles", payload)

        assert code == 422
        assert [each["field"] for each in answer["errors"]] == [wrong]

    def test_say_what_can_be_restricted(self, org):
        _, answer, _ = org.owner("GET", "/v1/permissions")
        rights = {
            (each["resource"], each["field"]): each["rights"]
            for each in answer["restrictable_fields"]
        }

        assert rights["contacts", "emails"] == ["none", "read", "write"]
        assert rights["contacts", "owner_id"] == ["read", "write"]

    def test_are_merged_field_by_field(self, org):
        fields = {"contacts": {"emails": "none", "tags": "read"}}
        org.restrict(**fields)
        patch = {"fields": {"contacts": {"tags": None, "phones": "none"}}}
        _, role, _ = org.owner("PATCH", org.role, patch)

        assert role["fields"]["contacts"] == {"emails": "none", "phones": "none"}

    def test_together_keep_what_each_of_them_keeps(self, org, status, newcomer):
        grants = {"contacts": {"read": "all"}}
        kept = {
            "one": {"emails": "none", "phones": "none"},
            "two": {"emails": "read", "tags": "none"},
        }
        for key, fields in kept.items():
            payload = {"key": key, "name": key, "grants": grants}
            org.owner("POST", "/v1/roles", {**payload, "fields": {"contacts": fields}})
        payload = {"key": "three", "name": "x", "grants": {"org": {"read": "all"}}}
        org.owner("POST", "/v1/roles", payload)
        member = recruit(status, newcomer, org.owner, *kept, "three")
        _, me, _ = member("GET", "/v1/me")

        assert me["hidden_fields"] == {"contacts": []}
        assert me["read_only_fields"] == {"contacts": ["email", "emails"]}
        path = f"/v1/authz/explain?resource=contacts&principal={member.user_id}"
        _, answer, _ = org.owner("GET", path)
        (explained,) = answer["principals"]
        assert explained["hidden_fields"] == []
        assert explained["read_only_fields"] == ["emails"]


class TestGiving:
    @pytest.fixture
    def deputy(self, org, status, newcomer):
        """May give roles, but not see addresses."""
        names = ("contacts", "roles", "users", "oauth-clients")
        payload = {
            "key": f"deputy_{uuid.uuid4().hex[:8]}",
            "name": "Deputy",
            "grants": {name: {"read": "all", "write": "all"} for name in names},
            "fields": {"contacts": {"emails": "none", "tags": "read"}},
        }
        code, role, _ = org.owner("POST", "/v1/roles", payload)
        assert code == 201, role
        deputy = recruit(status, newcomer, org.owner, payload["key"])
        deputy.role = role
        return deputy

    def refused(self, answer):
        code, problem, _ = answer
        assert (code, problem["code"]) == (403, "grant_beyond_own"), problem
        return problem["detail"]

    def test_does_not_reach_farther_than_ones_own(self, deputy):
        payload = {"key": "free", "name": "X", "grants": {"contacts": {"read": "all"}}}
        detail = self.refused(deputy("POST", "/v1/roles", payload))
        assert "contacts.emails" in detail
        assert "contacts.tags" in detail
        own = f"/v1/roles/{deputy.role['id']}"
        patch = {"fields": {"contacts": {"emails": None}}}
        self.refused(deputy("PATCH", own, patch))
        self.refused(deputy("PATCH", own, {"fields": {"contacts": None}}))

        kept = {**payload, "key": f"kept_{uuid.uuid4().hex[:8]}"}
        kept["fields"] = {"contacts": {"emails": "none", "tags": "none"}}
        code, role, _ = deputy("POST", "/v1/roles", kept)
        assert code == 201, role
        more = {"grants": {"contacts": {"write": "all"}}}
        assert deputy("PATCH", f"/v1/roles/{role['id']}", more)[0] == 200

    def test_does_not_give_somebody_a_role_that_keeps_less(self, deputy):
        user = f"/v1/users/{deputy.user_id}"
        self.refused(deputy("PATCH", user, {"roles": [deputy.role["key"], "clerk"]}))
        invitation = {"email": "new@example.test", "roles": ["support_agent"]}
        self.refused(deputy("POST", "/v1/invitations", invitation))
        program = {"name": "Import", "roles": ["support_agent"]}
        self.refused(deputy("POST", "/v1/service-accounts", program))

    def test_does_not_make_an_application_that_sees_more(self, deputy):
        payload = {
            "name": "Sync",
            "grant_types": ["client_credentials"],
            "scope": "contacts:read",
        }
        self.refused(deputy("POST", "/v1/oauth-clients", payload))

    def test_does_not_take_over_an_application_that_sees_more(self, org, deputy):
        payload = {
            "name": "Sync",
            "grant_types": ["client_credentials"],
            "scope": "contacts:read",
        }
        code, made, _ = org.owner("POST", "/v1/oauth-clients", payload)
        assert code == 201, made
        path = f"/v1/oauth-clients/{made['id']}/rotate-secret"

        self.refused(deputy("POST", path))
        assert org.owner("POST", path)[0] == 200

    def test_makes_tokens_that_see_as_little(self, deputy, contact):
        payload = {"name": "Import", "scope": ["contacts:read"]}
        code, made, _ = deputy("POST", "/v1/access-tokens", payload)
        assert code == 201, made
        bearer = {"Authorization": f"Bearer {made['token']}"}
        code, seen, _ = deputy("GET", f"/v1/contacts/{contact['id']}", **bearer)

        assert code == 200
        assert "emails" not in seen
        assert "email" not in seen

    def test_makes_programs_that_see_as_little(self, deputy, contact):
        program = {"name": "Import", "roles": [deputy.role["key"]]}
        code, account, _ = deputy("POST", "/v1/service-accounts", program)
        assert code == 201, account
        keys = f"/v1/service-accounts/{account['id']}/keys"
        _, key, _ = deputy("POST", keys, {"name": "k"})
        bearer = {"Authorization": f"Bearer {key['token']}"}
        code, seen, _ = deputy("GET", f"/v1/contacts/{contact['id']}", **bearer)

        assert (code, seen.get("email"), "tags" in seen) == (200, None, True)
