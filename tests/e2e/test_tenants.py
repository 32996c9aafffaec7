"""Whose id it is decides everywhere: each id that the description knows of."""

import uuid
from functools import partial

import pytest
from following import Follower
from members import recruit
from tenants import (
    OPERATIONS,
    REFERENCES,
    UNCACHED,
    Tenant,
    is_id,
    referred,
)
from waiting import until

pytestmark = pytest.mark.e2e

CLOSED = [each for each in OPERATIONS if not each.is_public]


def params(operations):
    return [pytest.param(each, id=each.name) for each in operations]


WITH_PATH = [each for each in CLOSED if "{" in each.path]
BODIES = [
    pytest.param(operation, field, id=f"{operation.name}-{field}")
    for operation in CLOSED
    for field in operation.references()
]
FILTERS = [
    pytest.param(operation, each["name"], id=f"{operation.name}-{each['name']}")
    for operation in CLOSED
    for each in operation.parameters
    if each["in"] == "query"
    # Tells of one record, as test_explain.py tests.
    and operation.name != "explain_access"
    and (is_id(each["schema"]) or each["name"][7:-1] in REFERENCES)
]
# Of one record's entries its own id decides; tags have no id, and no other
# organization's are among those that test_accounts.py counts.
LISTS = [
    each
    for each in CLOSED
    if any(p["name"] == "cursor" for p in each.parameters)
    if not each.nouns and each.name != "list_tags"
]
# Done before anybody could end it; its owner is told that.
DONE = {"cancel_bulk_update": "job_finished"}
BATCHES = [each for each in CLOSED if each.is_batch]


@pytest.fixture(scope="module")
def tenant(status, newcomer):
    return lambda: Tenant(newcomer(), partial(recruit, status, newcomer))


@pytest.fixture(scope="module")
def ours(tenant):
    return tenant()


@pytest.fixture(scope="module")
def theirs(tenant):
    return tenant()


def put(payload, field, value):
    """The payload with a value at a dotted path."""
    name, _, rest = field.partition(".")
    if not rest:
        value = [value] if name.endswith("_ids") or name == "mentions" else value
        return {**payload, name: value}
    if rest.startswith("0"):
        inner = rest.partition(".")[2]
        return {**payload, name: [put({}, inner, value) if inner else value]}
    return {**payload, name: put(payload.get(name) or {}, rest, value)}


class TestAnIdInThePath:
    @pytest.mark.parametrize("operation", params(WITH_PATH))
    def test_is_found_by_its_own_organization_only(self, ours, theirs, operation):
        assert operation.nouns, f"nobody knows what {operation.path} is about"
        path, tag = theirs.ready(operation)
        method, payload = operation.method.upper(), None
        if operation.example() is not None:
            payload = ours.own(operation.example())
        code, answer, _ = ours.client(method, path, payload)

        assert code == 404, answer
        assert answer["code"] == f"{operation.nouns[0]}_not_found"

        # That it was there, and is as it was, shows in what its owner gets.
        if payload is not None:
            payload = theirs.own(operation.example())
        unchanged = operation.takes_if_match and tag and method != "PATCH"
        headers = {"If_Match": tag} if unchanged else {}
        if operation.name in DONE:
            answer = theirs.client(method, path, payload)[1]
            assert answer["code"] == DONE[operation.name]
            return
        answer, _ = theirs.ask(method, path, payload, **UNCACHED, **headers)
        if method in ("GET", "PATCH") and tag is not None and "version" in answer:
            assert answer["version"] == int(tag[2 : tag.index("-")]) + (method != "GET")


class TestAnIdInABody:
    @pytest.mark.parametrize(("operation", "field"), BODIES)
    def test_refers_to_nothing_of_another_organization(
        self, ours, theirs, operation, field
    ):
        if operation.is_batch:
            self._try_row(ours, theirs, operation, field)
            return
        path, _ = ours.ready(operation)
        name = field.removesuffix(".0").rpartition(".")[2]
        payload = {} if operation.method == "patch" else ours.own(operation.example())
        given = put(payload, field, theirs.an(referred(name)))
        code, answer, _ = ours.client(operation.method.upper(), path, given)

        assert code == 422, answer
        assert (field, "reference_not_found") in {
            (each["field"], each["code"]) for each in answer["errors"]
        }

    def _try_row(self, ours, theirs, operation, field):
        prefix, _, name = field.removesuffix(".0").rpartition(".")
        if prefix == "operations.0":
            record_id, tag = theirs.new(operation.noun)
            rows = [
                {"op": "update", "id": record_id, "data": {}},
                {"op": "delete", "id": record_id},
            ]
            answer, _ = ours.ask("POST", operation.path, {"operations": rows})
            theirs.ask(
                "DELETE",
                f"{operation.path.removesuffix('/batch')}/{record_id}",
                If_Match=tag,
            )
            expected = (404, f"{operation.noun}_not_found")
        else:
            own, _ = ours.new(operation.noun)
            example = ours.own(operation.example()["operations"][0]["data"])
            strange = put({}, name, theirs.an(referred(name)))
            rows = [
                {"op": "create", "data": {**example, **strange}},
                {"op": "update", "id": own, "data": strange},
            ]
            answer, _ = ours.ask("POST", operation.path, {"operations": rows})
            expected = (422, "reference_not_found")

        assert [
            (each["status"], each["error"]["code"]) for each in answer["results"]
        ] == [expected] * len(rows)


class TestAFilter:
    @pytest.mark.parametrize(("operation", "name"), FILTERS)
    def test_finds_nothing_of_another_organization(self, ours, theirs, operation, name):
        assert not operation.nouns
        field = name.split("[")[1].rstrip("]")
        noun = operation.noun if field == "id" else referred(field)
        wanted = theirs.an(noun)
        answer, _ = ours.ask("GET", f"{operation.path}?{name}={wanted}")
        seen = {each["id"] for each in answer["data"]}

        assert seen.isdisjoint(theirs.made)
        if not name.endswith("[ne]"):
            assert seen == set()
        if field == "id":
            answer, _ = theirs.ask("GET", f"{operation.path}?{name}={wanted}")
            assert (wanted in {each["id"] for each in answer["data"]}) == (
                not name.endswith("[ne]")
            )

    @pytest.mark.parametrize("operation", params(LISTS))
    def test_is_not_needed_to_see_only_ones_own(self, ours, theirs, operation):
        own, other = ours.an(operation.noun), theirs.an(operation.noun)
        answer, _ = ours.ask("GET", f"{operation.path}?limit=200")
        seen = {each["id"] for each in answer["data"]}

        assert own in seen or answer["page"]["has_more"]
        assert other not in seen


class TestWhatIsOpaque:
    def test_cursors_lead_nowhere_elsewhere(self, ours, theirs):
        for _ in range(2):
            theirs.new("contact")
            ours.new("contact")
        page, _ = theirs.ask("GET", "/v1/contacts?limit=1")
        path = f"/v1/contacts?limit=200&cursor={page['page']['next_cursor']}"
        code, answer, _ = ours.client("GET", path)

        assert code in (200, 400), answer
        seen = {each["id"] for each in answer.get("data", ())}
        assert seen.isdisjoint(theirs.made)

    def test_consistency_tokens_are_refused_elsewhere(self, ours, theirs):
        example = {"last_name": "Lovelace"}
        _, headers = theirs.ask("POST", "/v1/contacts", example)
        given = headers["X-Consistency-Token"]
        code, answer, _ = ours.client("GET", "/v1/contacts", X_Consistency_Token=given)

        assert (code, answer["code"]) == (400, "consistency_token_invalid")

    def test_the_same_idempotency_key_is_another_one_elsewhere(self, ours, theirs):
        answers = [
            each.client("POST", "/v1/contacts", {"last_name": "x"}, Idempotency_Key="1")
            for each in (theirs, ours)
        ]

        assert [code for code, _, _ in answers] == [201, 201]
        assert answers[0][1]["id"] != answers[1][1]["id"]
        assert "Idempotency-Replayed" not in answers[1][2]

    @pytest.mark.parametrize("operation", params(BATCHES))
    def test_upserts_find_nothing_elsewhere(self, ours, theirs, operation):
        data = theirs.own(operation.example()["operations"][0]["data"])
        if operation.noun == "lead":
            data["email"] = f"{uuid.uuid4().hex}@example.test"
        else:
            data["external_ids"] = {"erp": uuid.uuid4().hex}
        row = {"op": "upsert", "data": data}
        first, _ = theirs.ask("POST", operation.path, {"operations": [row]})
        own = ours.own(data)
        second, _ = ours.ask(
            "POST", operation.path, {"operations": [{"op": "upsert", "data": own}]}
        )

        made = [each["results"][0] for each in (first, second)]
        assert [each["status"] for each in made] == [201, 201], made
        assert made[0]["id"] != made[1]["id"]


class TestEvents:
    def test_are_told_to_their_own_organization_only(self, ours, theirs, status):
        with Follower(status["gateway"], ours.client.token) as follower:
            for noun in ("account", "contact", "interaction", "lead", "role"):
                theirs.new(noun)
            last, _ = ours.new("contact")
            until(lambda: last in follower.ids())
            followed = set(follower.ids())

        seen, after = set(), 0
        while True:
            page, _ = ours.ask("GET", f"/v1/events?after={after}&limit=200")
            seen |= {each["aggregate"]["id"] for each in page["data"]}
            after = page["page"]["position"]
            if not page["page"]["has_more"]:
                break

        assert last in seen
        assert seen.isdisjoint(theirs.made)
        assert followed.isdisjoint(theirs.made)

    def test_tags_are_not_known_elsewhere(self, ours, theirs):
        word = f"t{uuid.uuid4().hex[:20]}"
        theirs.ask("POST", "/v1/contacts", {"last_name": "x", "tags": [word]})
        path = f"/v1/tags?resource=contacts&starts_with={word}"
        found = [each.ask("GET", path)[0]["data"] for each in (theirs, ours)]

        assert (len(found[0]), found[1]) == (1, [])

    def test_words_find_nothing_elsewhere(self, ours, theirs):
        word = f"w{uuid.uuid4().hex[:20]}"
        theirs.ask("POST", "/v1/leads", {"company": word})
        found = [
            each.ask("GET", f"/v1/search?q={word}")[0]["hits"]
            for each in (theirs, ours)
        ]

        assert (len(found[0]), found[1]) == (1, [])
