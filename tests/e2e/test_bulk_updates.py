"""Many records changed at once, and operations taken back."""

import os
import signal
from urllib.parse import urlencode

import pytest
from members import recruit
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.e2e

FAIR = {"source": "fair"}


def make(client, count, resource="contacts", **data):
    """Records in one batch: their ids, and the operation that made them."""
    rows = [
        {"op": "create", "data": {"last_name": f"Name {place}", **FAIR, **data}}
        for place in range(count)
    ]
    code, answer, _ = client("POST", f"/v1/{resource}/batch", {"operations": rows})
    assert code == 200, answer
    return [each["id"] for each in answer["results"]]


def start(client, changes, asked=None, resource="contacts", **more):
    payload = {"resource": resource, "filter": asked or FAIR, "changes": changes}
    return client("POST", "/v1/bulk-updates", {**payload, **more})


@pytest.fixture
def finished(until):
    """Waits for a job's end: ``finished(client, answer)``."""

    def wait(client, answer):
        code, job, _ = answer
        assert code == 202, job

        def find():
            found = client("GET", f"/v1/bulk-updates/{job['id']}")[1]
            return found if found["finished_at"] else None

        return until(find, within_s=60)

    return wait


def count(client, **asked):
    query = {f"filter[{name}]": value for name, value in asked.items()}
    terms = urlencode({**query, "include": "count", "limit": 1})
    return client("GET", f"/v1/contacts?{terms}")[1]["page"]["count"]


def last_operation(client, path):
    return client("GET", f"{path}/history?limit=1")[1]["data"][0]["operation_id"]


class TestBulkUpdates:
    def test_change_all_that_the_filter_finds(self, client, finished):
        make(client, 450)
        make(client, 3, source="web")
        job = finished(client, start(client, {"source": "web", "job_title": "Boss"}))

        assert job["status"] == "done"
        assert job["counts"] == {
            "matched": 450,
            "updated": 450,
            "unchanged": 0,
            "failed": 0,
            "conflicts": 0,
        }
        assert (job["progress"], job["error"]) == (1.0, None)
        assert count(client, source="web") == 453
        assert count(client, job_title="Boss") == 450

    def test_are_one_operation_in_the_history_of_each(self, client, finished):
        first, *_, last = make(client, 3)
        job = finished(client, start(client, {"job_title": "Boss"}))
        operations = {
            last_operation(client, f"/v1/contacts/{i}") for i in (first, last)
        }

        assert operations == {job["operation_id"]}

    def test_count_only_in_a_dry_run(self, client):
        make(client, 3)
        code, answer, _ = start(client, {"job_title": "Boss"}, dry_run=True)

        assert (code, answer["status"], answer["id"]) == (202, "counted", None)
        assert answer["counts"]["matched"] == 3
        assert count(client, job_title="Boss") == 0

    def test_leave_alone_what_is_so_already(self, client, finished):
        make(client, 2, job_title="Boss")
        make(client, 2)
        job = finished(client, start(client, {"job_title": "Boss"}))

        assert job["counts"]["updated"] == 2
        assert job["counts"]["unchanged"] == 2

    def test_tell_which_records_could_not_be_changed(self, client, finished):
        (identified,) = make(client, 1, email="ada@example.com")
        (nameless,) = make(client, 1)
        job = finished(client, start(client, {"last_name": None}))
        path = f"/v1/bulk-updates/{job['id']}/conflicts"
        (told,) = client("GET", path)[1]["data"]

        assert (job["status"], job["counts"]["failed"]) == ("done", 1)
        assert told["record_id"] == nameless
        assert (told["outcome"], told["code"]) == ("failed", "contact_unidentified")
        assert client("GET", f"/v1/contacts/{identified}")[1]["last_name"] is None

    def test_are_answered_alike_when_they_are_sent_again(self, client):
        make(client, 1)
        answers = [
            client(
                "POST",
                "/v1/bulk-updates",
                {"resource": "contacts", "filter": FAIR, "changes": {"tags": ["a"]}},
                Idempotency_Key="once",
            )
            for _ in range(2)
        ]
        listed = client("GET", "/v1/bulk-updates")[1]["data"]

        assert answers[0][1] == answers[1][1]
        assert [each["id"] for each in listed] == [answers[0][1]["id"]]

    def test_reach_what_their_maker_may_change(
        self, client, newcomer, status, finished
    ):
        make(client, 2)
        colleague = recruit(status, newcomer, client, "sales_rep")
        assert start(colleague, {"tags": ["a"]})[0] == 403

        role = {"bulk-updates": {"read": "none", "write": "all"}}
        payload = {"key": "bulk", "name": "Bulk", "grants": role}
        assert client("POST", "/v1/roles", payload)[0] == 201
        other = recruit(status, newcomer, client, "sales_rep", "bulk")
        make(other, 3)
        job = finished(other, start(other, {"tags": ["a"]}))

        assert job["counts"]["matched"] == job["counts"]["updated"] == 3
        assert count(client, tags="a") == 3
        assert other("GET", "/v1/bulk-updates")[1]["data"][0]["id"] == job["id"]
        assert client("GET", f"/v1/bulk-updates/{job['id']}")[0] == 200
        assert colleague("GET", f"/v1/bulk-updates/{job['id']}")[0] == 404
        assert newcomer()("GET", f"/v1/bulk-updates/{job['id']}")[0] == 404

    def test_end_with_the_membership_of_their_maker(
        self, client, newcomer, status, finished
    ):
        role = {"bulk-updates": {"write": "all"}}
        client("POST", "/v1/roles", {"key": "bulk", "name": "Bulk", "grants": role})
        colleague = recruit(status, newcomer, client, "sales_rep", "bulk")
        for _ in range(4):
            make(colleague, 500)
        answer = start(colleague, {"tags": ["a"]})
        assert client("DELETE", f"/v1/users/{colleague.user_id}")[0] == 204
        job = finished(client, answer)

        assert (job["status"], job["error"]["code"]) == ("failed", "permission_missing")
        assert job["counts"]["updated"] < 2_000

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"filter": {}}, "filter"),
            ({"filter": {"nose": "x"}}, "filter[nose]"),
            ({"filter": {"source": {"near": "x"}}}, "filter[source][near]"),
            ({"filter": {"source": {"in": []}}}, "filter.source"),
            ({"filter": {"source": ["web", "fair"]}}, "filter.source"),
            ({"filter": {"source": {"ne": ["web", "fair"]}}}, "filter.source"),
            ({"filter": {"created_at": "soon"}}, "filter[created_at]"),
            ({"changes": {}}, "changes"),
            ({"changes": {"nose": 1}}, "nose"),
            ({"changes": {"account_id": new_id()}}, "account_id"),
            ({"changes": {"custom": {"nose": 1}}}, "custom.nose"),
            ({"resource": "leads"}, "resource"),
            ({"dry_run": "yes"}, "dry_run"),
            ({"changes": {"do_not_contact": 1}}, "do_not_contact"),
        ],
    )
    def test_refuse_what_nobody_could_do(self, client, payload, field):
        whole = {"resource": "contacts", "filter": FAIR, "changes": {"tags": []}}
        code, answer, _ = client("POST", "/v1/bulk-updates", {**whole, **payload})

        assert code == 422, answer
        assert [each["field"] for each in answer["errors"]] == [field]

    def test_that_are_done_cannot_be_cancelled(self, client, finished):
        make(client, 1)
        job = finished(client, start(client, {"tags": ["a"]}))
        code, answer, _ = client("POST", f"/v1/bulk-updates/{job['id']}/cancel")

        assert (code, answer["code"]) == (409, "job_finished")

    def test_that_are_cancelled_go_no_further(self, client, until):
        make(client, 500)
        job = start(client, {"job_title": "Boss"})[1]
        path = f"/v1/bulk-updates/{job['id']}"
        code, answer, _ = client("POST", f"{path}/cancel")
        ended = until(lambda: (each := client("GET", path)[1])["finished_at"] and each)

        assert code == 200
        assert answer["status"] in {"cancelling", "cancelled"}
        assert ended["status"] == "cancelled"
        assert count(client, job_title="Boss") == ended["counts"]["updated"] < 500


class TestUndoing:
    def test_puts_back_what_a_bulk_update_changed(self, client, finished):
        make(client, 150, job_title="Clerk", tags=["a"])
        make(client, 100, job_title=None)
        changes = {"job_title": "Boss", "tags": ["b"]}
        done = finished(client, start(client, changes))
        path = f"/v1/bulk-updates/{done['id']}/undo"
        job = finished(client, client("POST", path))

        assert (job["kind"], job["undoes"]) == ("undo", done["operation_id"])
        assert job["counts"]["updated"] == 250
        assert count(client, job_title="Clerk", tags="a") == 150
        assert count(client, job_title="Boss") == count(client, tags="b") == 0

    def test_leaves_alone_what_somebody_changed_since(self, client, finished):
        touched, *others = make(client, 3, job_title="Clerk", tags=["a"])
        changes = {"job_title": "Boss", "tags": ["b"]}
        done = finished(client, start(client, changes))
        client("PATCH", f"/v1/contacts/{touched}", {"job_title": "Queen"})
        path = f"/v1/operations/{done['operation_id']}/undo"
        job = finished(client, client("POST", path))
        path = f"/v1/bulk-updates/{job['id']}/conflicts"
        (told,) = client("GET", path)[1]["data"]
        found = client("GET", f"/v1/contacts/{touched}")[1]

        assert job["counts"]["updated"] == 3
        assert job["counts"]["conflicts"] == 1
        assert told["record_id"] == touched
        assert (told["outcome"], told["code"]) == ("conflict", "changed_since")
        assert told["conflicts"] == {
            "job_title": {
                "original": "Clerk",
                "changed_to": "Boss",
                "current": "Queen",
            }
        }
        assert (found["job_title"], found["tags"]) == ("Queen", ["a"])
        for each in others:
            assert client("GET", f"/v1/contacts/{each}")[1]["job_title"] == "Clerk"

    def test_can_be_undone_itself(self, client, finished):
        make(client, 3, job_title="Clerk")
        done = finished(client, start(client, {"job_title": "Boss"}))
        path = "/v1/bulk-updates/{}/undo"
        undone = finished(client, client("POST", path.format(done["id"])))
        finished(client, client("POST", path.format(undone["id"])))

        assert count(client, job_title="Boss") == 3

    def test_twice_does_nothing_more(self, client, finished):
        make(client, 3, job_title="Clerk")
        done = finished(client, start(client, {"job_title": "Boss"}))
        path = f"/v1/bulk-updates/{done['id']}/undo"
        finished(client, client("POST", path))
        again = finished(client, client("POST", path))

        assert again["counts"]["updated"] == 0
        assert again["counts"]["unchanged"] == 3

    def test_is_for_any_operation_a_single_change_too(self, client, finished):
        (contact_id,) = make(client, 1, job_title="Clerk", tags=["a"])
        path = f"/v1/contacts/{contact_id}"
        client("PATCH", path, {"job_title": "Boss", "tags": []})
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        job = finished(client, client("POST", undo))
        found = client("GET", path)[1]

        assert job["counts"]["updated"] == 1
        assert (found["job_title"], found["tags"]) == ("Clerk", ["a"])

    def test_archives_what_was_made_and_nobody_touched(self, client, finished):
        untouched, touched = make(client, 2)
        client("PATCH", f"/v1/contacts/{touched}", {"job_title": "Boss"})
        path = f"/v1/contacts/{untouched}"
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        job = finished(client, client("POST", undo))
        told = client("GET", f"/v1/bulk-updates/{job['id']}/conflicts")[1]["data"]

        assert client("GET", path)[0] == 404
        assert client("GET", f"/v1/contacts/{touched}")[0] == 200
        assert [each["record_id"] for each in told] == [touched]
        assert told[0]["conflicts"].keys() == {"job_title"}

    def test_restores_what_was_archived(self, client, finished):
        (contact_id,) = make(client, 1)
        path = f"/v1/contacts/{contact_id}"
        client("DELETE", path)
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        finished(client, client("POST", undo))

        assert client("GET", path)[0] == 200

    def test_takes_back_several_changes_of_one_batch(self, client, finished):
        (contact_id,) = make(client, 1, job_title="Clerk")
        rows = [
            {"op": "update", "id": contact_id, "data": {"job_title": title}}
            for title in ("Boss", "Queen", "Empress")
        ]
        client("POST", "/v1/contacts/batch", {"operations": rows})
        path = f"/v1/contacts/{contact_id}"
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        job = finished(client, client("POST", undo))

        assert job["counts"] == {
            "matched": 1,
            "updated": 1,
            "unchanged": 0,
            "failed": 0,
            "conflicts": 0,
        }
        assert client("GET", path)[1]["job_title"] == "Clerk"

    def test_takes_back_more_changes_of_one_record_than_are_read_at_once(
        self, client, finished
    ):
        ids = sorted(make(client, 3, job_title="Clerk"))
        often = [(ids[1], f"Boss {place}") for place in range(250)]
        rows = [
            {"op": "update", "id": record_id, "data": {"job_title": title}}
            for record_id, title in [(ids[0], "Boss"), *often, (ids[2], "Boss")]
        ]
        client("POST", "/v1/contacts/batch", {"operations": rows})
        operation_id = last_operation(client, f"/v1/contacts/{ids[0]}")
        job = finished(client, client("POST", f"/v1/operations/{operation_id}/undo"))
        paths = [f"/v1/contacts/{each}" for each in ids]

        assert (job["counts"]["matched"], job["counts"]["updated"]) == (3, 3)
        assert [client("GET", path)[1]["job_title"] for path in paths] == ["Clerk"] * 3
        assert [client("GET", path)[1]["version"] for path in paths] == [3, 252, 3]

    def test_is_for_those_who_may_change_the_records(
        self, client, newcomer, status, finished
    ):
        (contact_id,) = make(client, 1, job_title="Clerk")
        path = f"/v1/contacts/{contact_id}"
        client("PATCH", path, {"job_title": "Boss"})
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        reader = recruit(status, newcomer, client, "read_only")
        colleague = recruit(status, newcomer, client, "sales_rep")
        job = finished(colleague, colleague("POST", undo))

        assert reader("POST", undo)[0] == 403
        assert newcomer()("POST", undo)[0] == 404
        assert job["counts"]["failed"] == 1
        assert client("GET", path)[1]["job_title"] == "Boss"

    def test_gives_back_to_nobody_what_was_nobodys(self, client, finished):
        made = make(client, 2, owner_id=None)
        owner_id = client("GET", "/v1/me")[1]["id"]
        changes = {"owner_id": owner_id, "tags": ["x"]}
        done = finished(client, start(client, changes))
        undo = f"/v1/bulk-updates/{done['id']}/undo"
        job = finished(client, client("POST", undo))
        found = [client("GET", f"/v1/contacts/{each}")[1] for each in made]

        assert (job["counts"]["updated"], job["counts"]["failed"]) == (2, 0)
        assert [(each["owner_id"], each["tags"]) for each in found] == [(None, [])] * 2

    def test_goes_back_to_teams_that_one_does_not_see(self, client, finished):
        team_id = client("POST", "/v1/teams", {"name": "North"})[1]["id"]
        make(client, 2)
        given = finished(client, start(client, {"team_ids": [team_id]}))
        assert given["counts"]["updated"] == 2
        client("DELETE", f"/v1/teams/{team_id}")
        taken = finished(client, start(client, {"team_ids": []}))
        undo = f"/v1/bulk-updates/{taken['id']}/undo"
        job = finished(client, client("POST", undo))

        assert (job["counts"]["updated"], job["counts"]["failed"]) == (2, 0)
        assert count(client, source="fair") == 2

    def test_puts_back_what_is_accepted_and_tells_the_rest(
        self, client, newcomer, status, finished
    ):
        leaver = recruit(status, newcomer, client, "sales_rep")
        (contact_id,) = make(client, 1, owner_id=leaver.user_id, tags=["a"])
        path, me = f"/v1/contacts/{contact_id}", client("GET", "/v1/me")[1]["id"]
        changes = {"owner_id": me, "tags": ["b"], "job_title": "Boss"}
        done = finished(client, start(client, changes))
        assert client("DELETE", f"/v1/users/{leaver.user_id}")[0] == 204
        undo = f"/v1/bulk-updates/{done['id']}/undo"
        job = finished(client, client("POST", undo))
        (told,) = client("GET", f"/v1/bulk-updates/{job['id']}/conflicts")[1]["data"]
        found = client("GET", path)[1]

        assert (job["counts"]["updated"], job["counts"]["failed"]) == (1, 0)
        assert (told["outcome"], told["code"]) == ("conflict", "reference_not_found")
        assert told["conflicts"] == {
            "owner_id": {
                "original": leaver.user_id,
                "changed_to": me,
                "current": me,
            }
        }
        assert (found["tags"], found["job_title"]) == (["a"], None)

    def test_leaves_a_value_that_another_record_has_by_now(self, client, finished):
        (contact_id,) = make(client, 1, external_ids={"erp": "1"}, tags=["a"])
        path = f"/v1/contacts/{contact_id}"
        client("PATCH", path, {"external_ids": {"erp": None}, "tags": ["b"]})
        undo = f"/v1/operations/{last_operation(client, path)}/undo"
        make(client, 1, external_ids={"erp": "1"})
        job = finished(client, client("POST", undo))
        (told,) = client("GET", f"/v1/bulk-updates/{job['id']}/conflicts")[1]["data"]
        found = client("GET", path)[1]

        assert (found["tags"], found["external_ids"]) == (["a"], {})
        assert (told["code"], *told["conflicts"]) == ("duplicate_value", "external_ids")

    def test_knows_no_operation_that_changed_nothing(self, client):
        code, answer, _ = client("POST", f"/v1/operations/{new_id()}/undo")

        assert (code, answer["code"]) == (404, "operation_not_found")


class TestKilled:
    MANY = 2_500

    @pytest.fixture
    def events(self, status):
        """How many events the log has of an operation."""
        with MongoClient(status["mongo_uri"]) as mongo:
            log = mongo["rapport_customer"]["event_log"]
            yield lambda job: log.count_documents({"operation_id": job["operation_id"]})

    @pytest.fixture
    def half_done(self, client, processes, until):
        """A bulk update whose process was killed in the midst of it."""
        for _ in range(self.MANY // 500):
            make(client, 500, job_title="Clerk")
        answer = start(client, {"job_title": "Boss", "tags": ["x"]})
        path = f"/v1/bulk-updates/{answer[1]['id']}"
        until(lambda: client("GET", path)[1]["counts"]["updated"] >= 200)
        os.kill(processes()["customer-events-1"]["pid"], signal.SIGKILL)
        return answer

    def test_goes_on_where_it_was_each_record_once(
        self, client, half_done, finished, events, until
    ):
        job = finished(client, half_done)

        assert job["status"] == "done"
        assert job["counts"]["matched"] == job["counts"]["updated"] == self.MANY
        assert count(client, job_title="Boss") == self.MANY
        assert until(lambda: events(job) == self.MANY, within_s=30)

    def test_can_be_cancelled_and_undone(self, client, half_done, finished, until):
        path = f"/v1/bulk-updates/{half_done[1]['id']}"
        client("POST", f"{path}/cancel")
        ended = until(
            lambda: (each := client("GET", path)[1])["finished_at"] and each,
            within_s=30,
        )
        undone = finished(
            client, client("POST", f"/v1/operations/{ended['operation_id']}/undo")
        )

        assert ended["status"] == "cancelled"
        assert 200 <= ended["counts"]["updated"] < self.MANY
        assert undone["counts"]["updated"] >= ended["counts"]["updated"]
        assert undone["counts"]["conflicts"] == undone["counts"]["failed"] == 0
        assert count(client, job_title="Clerk") == self.MANY
        assert count(client, tags="x") == 0
