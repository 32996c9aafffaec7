"""Records are given to whoever is a member, and to nobody else."""

import uuid

import pytest
from members import recruit

pytestmark = pytest.mark.e2e

KINDS = {
    "accounts": {"name": "Given"},
    "contacts": {"last_name": "Given"},
    "leads": {"company": "Given"},
}


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def org(newcomer):
    return newcomer()


@pytest.fixture(scope="module")
def colleague(status, newcomer, org):
    return recruit(status, newcomer, org, "sales_rep")


def refusal(answer):
    code, problem, _ = answer
    return code, problem["code"], [each["field"] for each in problem.get("errors", ())]


class TestOwners:
    def test_are_given_what_is_made_for_them(self, org, colleague, kind):
        payload = {**KINDS[kind], "owner_id": colleague.user_id}
        code, made, _ = org("POST", f"/v1/{kind}", payload)

        assert (code, made["owner_id"]) == (201, colleague.user_id)
        assert colleague("GET", f"/v1/{kind}/{made['id']}")[0] == 200

    def test_are_given_what_others_had(self, org, colleague, kind):
        _, made, _ = org("POST", f"/v1/{kind}", KINDS[kind])
        path = f"/v1/{kind}/{made['id']}"
        before = colleague("GET", path)[0]
        code, given, _ = org("PATCH", path, {"owner_id": colleague.user_id})

        assert (before, code, given["owner_id"]) == (404, 200, colleague.user_id)
        assert colleague("GET", path)[0] == 200

    def test_elsewhere_are_refused(self, org, newcomer, kind):
        stranger = newcomer()("GET", "/v1/me")[1]["id"]
        _, made, _ = org("POST", f"/v1/{kind}", KINDS[kind])
        answers = [
            org("POST", f"/v1/{kind}", {**KINDS[kind], "owner_id": stranger}),
            org("PATCH", f"/v1/{kind}/{made['id']}", {"owner_id": stranger}),
            org("PATCH", f"/v1/{kind}/{made['id']}", {"owner_id": "nobody"}),
        ]

        assert [refusal(each) for each in answers] == [
            (422, "reference_not_found", ["owner_id"])
        ] * 3

    def test_who_have_left_keep_what_they_have_and_get_no_more(
        self, org, status, newcomer, kind
    ):
        leaver = recruit(status, newcomer, org, "sales_rep")
        payload = {**KINDS[kind], "owner_id": leaver.user_id}
        _, made, _ = org("POST", f"/v1/{kind}", payload)
        assert org("DELETE", f"/v1/users/{leaver.user_id}")[0] == 204
        path = f"/v1/{kind}/{made['id']}"
        code, kept, _ = org("PATCH", path, {**KINDS[kind], "owner_id": leaver.user_id})

        assert (code, kept["owner_id"]) == (200, leaver.user_id)
        assert refusal(org("POST", f"/v1/{kind}", payload)) == (
            422,
            "reference_not_found",
            ["owner_id"],
        )

    def test_of_a_batch_are_found_row_by_row(self, org, colleague, kind):
        wanted = [colleague.user_id, str(uuid.uuid4()), org("GET", "/v1/me")[1]["id"]]
        rows = [
            {"op": "create", "data": {**KINDS[kind], "owner_id": each}}
            for each in wanted
        ]
        _, answer, _ = org("POST", f"/v1/{kind}/batch", {"operations": rows})

        assert [each["status"] for each in answer["results"]] == [201, 422, 201]


class TestNobody:
    def test_owns_what_is_taken_from_its_owner(self, org, colleague, kind):
        payload = {**KINDS[kind], "owner_id": colleague.user_id}
        _, made, _ = org("POST", f"/v1/{kind}", payload)
        path = f"/v1/{kind}/{made['id']}"
        code, taken, _ = org("PATCH", path, {"owner_id": None})

        assert (code, taken["owner_id"]) == (200, None)
        assert (org("GET", path)[0], colleague("GET", path)[0]) == (200, 404)

    def test_owns_what_is_made_for_nobody(self, org, kind):
        payload = {**KINDS[kind], "owner_id": None}
        code, made, _ = org("POST", f"/v1/{kind}", payload)

        assert (code, made["owner_id"]) == (201, None)

    def test_is_not_called_by_an_empty_name(self, org, kind):
        answer = org("POST", f"/v1/{kind}", {**KINDS[kind], "owner_id": ""})

        assert refusal(answer) == (422, "invalid_input", ["owner_id"])


class TestWithoutAuth:
    def test_one_still_keeps_things_oneself(self, org, colleague, paused, kind):
        me = org("GET", "/v1/me")[1]["id"]
        with paused("auth-rpc-1"):
            own = org("POST", f"/v1/{kind}", {**KINDS[kind], "owner_id": me})
            other = org(
                "POST", f"/v1/{kind}", {**KINDS[kind], "owner_id": colleague.user_id}
            )

        assert own[0] == 201
        assert other[0] in {503, 504}
