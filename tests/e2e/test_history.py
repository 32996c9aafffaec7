"""What records were: their history, as of a time, and back to it."""

from urllib.parse import quote

import pytest
from members import recruit

pytestmark = pytest.mark.e2e

AWAY = "/v1/contacts/00000000-0000-7000-8000-000000000000"


@pytest.fixture
def contact(client):
    """A contact with three later changes: its path, and every answer."""
    payload = {"last_name": "Lovelace", "email": "ada@example.com", "tags": ["vip"]}
    _, made, _ = client("POST", "/v1/contacts", payload)
    path = f"/v1/contacts/{made['id']}"
    changes = (
        {"job_title": "Countess", "tags": ["vip", "math"]},
        {"job_title": "Analyst", "email": "ada@engine.example"},
        {"first_name": "Ada", "source": "fair"},
    )
    answers = [made]
    for change in changes:
        code, answer, _ = client("PATCH", path, change)
        assert code == 200, answer
        answers.append(answer)
    return path, answers


def history(client, path, query=""):
    code, answer, _ = client("GET", f"{path}/history{query}")
    assert code == 200, answer
    return answer["data"], answer["page"]


def as_of(client, path, moment):
    return client("GET", f"{path}?as_of={quote(moment)}")


class TestHistory:
    def test_has_every_change_at_once_the_latest_first(self, client, contact):
        path, _ = contact
        items, page = history(client, path)

        assert [each["sequence"] for each in items] == [4, 3, 2, 1]
        assert [each["event"] for each in items] == [
            *["customer.contact_updated"] * 3,
            "customer.contact_created",
        ]
        assert items[1]["changes"]["job_title"] == {"from": "Countess", "to": "Analyst"}
        assert items[1]["changes"]["emails"]["to"][0]["address"] == "ada@engine.example"
        assert items[3]["changes"]["last_name"] == {"from": None, "to": "Lovelace"}
        assert page == {"next_cursor": None, "has_more": False}

    def test_is_the_same_before_and_behind_the_relay(self, client, contact, until):
        path, _ = contact
        first, _ = history(client, path)
        later = until(lambda: all_relayed(client, path) and history(client, path))

        assert later[0] == first

    def test_says_who_did_it_in_the_course_of_what(self, client, contact):
        path, _ = contact
        me = client("GET", "/v1/me")[1]["id"]
        client("PATCH", path, {"job_title": "Poet"}, X_Request_Id="by-me")
        items, _ = history(client, path, "?limit=1")

        assert items[0]["actor"] == {"type": "person", "id": me}
        assert items[0]["request_id"] == "by-me"
        assert len(items[0]["operation_id"]) == 36

    @pytest.mark.parametrize("sort", ["sequence", "-sequence"])
    def test_is_read_in_pages(self, client, contact, sort):
        path, _ = contact
        seen, query = [], f"?limit=1&sort={sort}"
        while query:
            items, page = history(client, path, query)
            seen += [each["sequence"] for each in items]
            cursor = page["next_cursor"]
            query = cursor and f"?limit=1&sort={sort}&cursor={cursor}"

        assert seen == ([1, 2, 3, 4] if sort == "sequence" else [4, 3, 2, 1])

    def test_goes_on_when_the_record_is_archived(self, client, contact):
        path, _ = contact
        client("DELETE", path)
        items, _ = history(client, path)

        assert items[0]["event"] == "customer.contact_archived"
        assert items[0]["changes"].keys() == {"archived_at"}

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("limit=0", "invalid_query"),
            ("limit=201", "invalid_query"),
            ("limit=1_0", "invalid_query"),
            ("limit=%2B5", "invalid_query"),
            ("sort=event", "invalid_query"),
            ("cursor=abc", "invalid_cursor"),
            ("filter[event]=x", "unknown_parameter"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, client, contact, query, code):
        path, _ = contact
        status, answer, _ = client("GET", f"{path}/history?{query}")

        assert (status, answer["code"]) == (400, code)

    def test_is_for_those_who_may_read_the_record(
        self, client, contact, newcomer, status
    ):
        path, _ = contact
        colleague = recruit(status, newcomer, client, "sales_rep")
        stranger = newcomer()

        for other in (colleague, stranger):
            assert other("GET", f"{path}/history")[0] == 404
            assert other("POST", f"{path}/revert", {"sequence": 1})[0] == 404
        assert client("GET", f"{AWAY}/history")[0] == 404


def all_relayed(client, path):
    """Whether the organization's feed has the record's latest event."""
    record_id = path.rpartition("/")[2]
    events = client("GET", "/v1/events?limit=200")[1]["data"]
    return any(
        each["aggregate"]["id"] == record_id and each["sequence"] == 4
        for each in events
    )


class TestAsOf:
    def test_is_the_record_of_each_time(self, client, contact):
        path, answers = contact
        for sequence, answer in enumerate(answers, 1):
            for moment in (answer["updated_at"], history_at(client, path, sequence)):
                code, found, headers = as_of(client, path, moment)

                assert code == 200
                assert found == answer
                assert headers["ETag"].startswith(f'"v{answer["version"]}-')

    def test_is_told_with_a_plus_sign_that_is_not_escaped(self, client, contact):
        path, answers = contact
        moment = answers[1]["updated_at"].replace("Z", "+00:00")
        code, found, _ = client("GET", f"{path}?as_of={moment}")

        assert (code, found) == (200, answers[1])

    def test_does_not_exist_before_it_was_made(self, client, contact):
        path, _ = contact
        code, answer, _ = as_of(client, path, "2020-01-01T00:00:00Z")

        assert (code, answer["code"]) == (404, "contact_not_found")

    def test_shows_what_is_archived_by_now(self, client, contact):
        path, answers = contact
        client("DELETE", path)
        before = as_of(client, path, history_at(client, path, 4))[1]
        after = as_of(client, path, history_at(client, path, 5))[1]

        assert client("GET", path)[0] == 404
        assert before["archived_at"] is None
        assert before == answers[3]
        assert after["archived_at"] is not None

    @pytest.mark.parametrize(
        "moment", ["yesterday", "1800-01-01T00:00:00Z", "2199-01-01T00:00:00Z", ""]
    )
    def test_refuses_times_that_are_none(self, client, contact, moment):
        path, _ = contact
        code, answer, _ = as_of(client, path, moment)

        assert (code, answer["code"]) == (400, "invalid_query")
        assert answer["errors"][0]["field"] == "as_of"

    def test_is_asked_of_accounts_and_interactions_too(self, client, contact):
        path, _ = contact
        _, account, _ = client("POST", "/v1/accounts", {"name": "Engine", "phone": "1"})
        payload = {
            "type": "purchase",
            "amount": {"amount": "12.50", "currency": "EUR"},
            "contact_id": path.rpartition("/")[2],
            "metadata": {"sku": "a"},
        }
        _, made, _ = client("POST", "/v1/interactions", payload)
        address = {"billing_address": {"city": "London"}, "employee_count": 3}
        changes = (
            (f"/v1/accounts/{account['id']}", account, address),
            (f"/v1/interactions/{made['id']}", made, {"amount": None, "metadata": {}}),
        )
        for each, before, change in changes:
            client("PATCH", each, change)
            found = as_of(client, each, history_at(client, each, 1))[1]

            assert found == before


def history_at(client, path, sequence):
    items, _ = history(client, path, "?limit=200")
    return next(each["occurred_at"] for each in items if each["sequence"] == sequence)


class TestSegments:
    @pytest.fixture
    def segment(self, client, until):
        """A segment with a new name, and then another definition: path, answers."""
        payload = {
            "resource": "contacts",
            "kind": "dynamic",
            "name": "Buyers",
            "definition": {"field": "source", "op": "eq", "value": "web"},
        }
        code, made, headers = client("POST", "/v1/segments", payload)
        assert code == 201, made
        path, answers = headers["Location"], [made]
        until(lambda: client("GET", path)[1]["status"] == "ready")
        other = {"not": payload["definition"]}
        for patch in ({"name": "Regulars"}, {"definition": other}):
            code, answer, _ = client("PATCH", path, patch)
            assert code == 200, answer
            answers.append(answer)
        until(lambda: client("GET", path)[1]["status"] == "ready")
        return path, answers

    def test_tell_what_was_changed_and_nothing_of_how_it_was_evaluated(
        self, client, segment
    ):
        path, answers = segment
        me = client("GET", "/v1/me")[1]["id"]
        client("DELETE", path)
        items, _ = history(client, path, "?sort=sequence")
        told = [(each["event"].partition("_")[2], each["changes"]) for each in items]

        assert told[0][0] == "created"
        assert told[0][1]["name"] == {"from": None, "to": "Buyers"}
        assert told[0][1]["definition"]["to"] == answers[0]["definition"]
        assert told[1:4] == [
            ("built", {}),
            ("updated", {"name": {"from": "Buyers", "to": "Regulars"}}),
            (
                "updated",
                {
                    "definition": {
                        "from": answers[0]["definition"],
                        "to": answers[2]["definition"],
                    }
                },
            ),
        ]
        assert told[4] == ("built", {})
        assert (told[5][0], [*told[5][1]]) == ("archived", ["archived_at"])
        assert {name for _, changes in told for name in changes} <= answers[0].keys()
        assert {items[each]["actor"]["id"] for each in (0, 2, 3, 5)} == {me}

    def test_are_shown_as_they_were(self, client, segment):
        path, answers = segment
        client("DELETE", path)
        of_now = {"status", "size", "evaluated_at"}
        for answer in answers:
            code, found, headers = as_of(client, path, answer["updated_at"])

            assert code == 200
            assert {k: v for k, v in found.items() if k not in of_now} == {
                k: v for k, v in answer.items() if k not in of_now
            }
            assert headers["ETag"].startswith(f'"v{answer["version"]}-')
        assert as_of(client, path, "2020-01-01T00:00:00Z")[0] == 404

    def test_are_of_those_who_may_read_segments(
        self, client, segment, newcomer, status
    ):
        path, _ = segment
        grants = {"contacts": {"read": "all"}}
        role = {"key": "reader", "name": "Reader", "grants": grants}
        assert client("POST", "/v1/roles", role)[0] == 201
        colleague, stranger = recruit(status, newcomer, client, "reader"), newcomer()

        assert colleague("GET", f"{path}/history")[0] == 403
        assert as_of(colleague, path, "2020-01-01T00:00:00Z")[0] == 403
        assert stranger("GET", f"{path}/history")[0] == 404
        assert client("POST", f"{path}/revert", {"sequence": 1})[0] == 404


class TestCustomFields:
    def test_tell_what_they_were(self, client):
        payload = {
            "resource": "contacts",
            "key": "region",
            "type": "select",
            "options": ["north", "south"],
        }
        code, made, headers = client("POST", "/v1/custom-fields", payload)
        assert code == 201, made
        path = headers["Location"]
        patches = ({"label": "Region"}, {"options": ["south"], "default": "south"})
        answers = [made, *(client("PATCH", path, patch)[1] for patch in patches)]
        client("DELETE", path)
        items, _ = history(client, path, "?sort=sequence")
        changes = [each["changes"] for each in items]

        assert [each["event"].rpartition("_")[2] for each in items] == [
            *("created", "updated", "updated", "archived")
        ]
        assert changes[0]["options"] == {"from": None, "to": ["north", "south"]}
        assert changes[1] == {"label": {"from": None, "to": "Region"}}
        assert changes[2] == {
            "options": {"from": ["north", "south"], "to": ["south"]},
            "retired_options": {"from": [], "to": ["north"]},
            "default": {"from": None, "to": "south"},
        }
        for answer in answers:
            assert as_of(client, path, answer["updated_at"])[1] == answer
        assert client("POST", f"{path}/revert", {"sequence": 1})[0] == 404


class TestRevert:
    def test_brings_everything_back_as_a_new_change(self, client, contact):
        path, answers = contact
        code, found, _ = client("POST", f"{path}/revert", {"sequence": 1})
        items, _ = history(client, path)

        assert code == 200
        told = ("emails", "tags", "job_title", "first_name", "lifecycle_stage")
        assert [found[name] for name in told] == [answers[0][name] for name in told]
        assert found["version"] == 5
        assert items[0]["sequence"] == 5

    def test_brings_single_fields_back(self, client, contact):
        path, answers = contact
        payload = {"sequence": 2, "fields": ["job_title"]}
        found = client("POST", f"{path}/revert", payload)[1]

        assert found["job_title"] == "Countess"
        assert found["email"] == "ada@engine.example"
        assert found["version"] == answers[3]["version"] + 1

    def test_goes_by_a_time(self, client, contact):
        path, _ = contact
        moment = history_at(client, path, 2)
        payload = {"as_of": moment, "fields": ["job_title", "emails"]}
        found = client("POST", f"{path}/revert", payload)[1]

        assert (found["job_title"], found["email"]) == ("Countess", "ada@example.com")

    def test_takes_objects_back_to_what_they_were(self, client):
        address = {"city": "London", "country": "GB"}
        _, made, _ = client("POST", "/v1/accounts", {"name": "Engine"})
        path = f"/v1/accounts/{made['id']}"
        client("PATCH", path, {"billing_address": address, "external_ids": {"a": "1"}})
        client("PATCH", path, {"billing_address": {"street": "Ockham"}})
        client("PATCH", path, {"external_ids": {"b": "2"}})
        second = client("POST", f"{path}/revert", {"sequence": 2})[1]
        first = client("POST", f"{path}/revert", {"sequence": 1})[1]

        assert second["billing_address"]["street"] is None
        assert second["billing_address"]["city"] == "London"
        assert second["external_ids"] == {"a": "1"}
        assert (first["billing_address"], first["external_ids"]) == (None, {})

    def test_gives_a_contact_back_accounts_of_which_none_was_primary(self, client):
        first, second = (
            client("POST", "/v1/accounts", {"name": name})[1]["id"] for name in "AB"
        )
        accounts = [{"account_id": first}, {"account_id": second, "role": "buyer"}]
        payload = {"last_name": "Li", "accounts": accounts}
        path = f"/v1/contacts/{client('POST', '/v1/contacts', payload)[1]['id']}"
        then = client("PATCH", path, {"account_id": None})[1]
        client("PATCH", path, {"account_id": first})
        found = client("POST", f"{path}/revert", {"sequence": 2})[1]

        assert [each["is_primary"] for each in then["accounts"]] == [False]
        assert (found["accounts"], found["account_id"]) == (then["accounts"], None)

    def test_gives_back_to_nobody_and_to_teams_of_others(self, client):
        team_id = client("POST", "/v1/teams", {"name": "North"})[1]["id"]
        first = {"last_name": "Li", "owner_id": None, "team_ids": [team_id]}
        _, made, _ = client("POST", "/v1/contacts", first)
        path, me = f"/v1/contacts/{made['id']}", client("GET", "/v1/me")[1]["id"]
        client("PATCH", path, {"owner_id": me, "team_ids": []})
        client("DELETE", f"/v1/teams/{team_id}")
        code, found, _ = client("POST", f"{path}/revert", {"sequence": 1})

        assert code == 200, found
        assert (found["owner_id"], found["team_ids"]) == (None, [team_id])

    def test_that_changes_nothing_announces_nothing(self, client, contact):
        path, answers = contact
        found = client("POST", f"{path}/revert", {"sequence": 4})[1]

        assert found == answers[3]

    def test_honors_keys_and_preconditions(self, client, contact):
        path, _ = contact
        tag = client("GET", path)[2]["ETag"]
        client("PATCH", path, {"job_title": "Poet"})
        code, answer, _ = client(
            "POST",
            f"{path}/revert",
            {"sequence": 2, "fields": ["job_title"]},
            If_Match=tag,
        )
        once, twice = (
            client("POST", f"{path}/revert", {"sequence": 2}, Idempotency_Key="again")
            for _ in range(2)
        )

        assert (code, answer["code"]) == (412, "version_conflict")
        assert answer["conflicts"].keys() == {"job_title"}
        assert once[1] == twice[1]
        assert twice[2]["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({}, "as_of"),
            ({"sequence": 1, "as_of": "2026-01-01T00:00:00Z"}, "as_of"),
            ({"sequence": 5}, "sequence"),
            ({"sequence": 0}, "sequence"),
            ({"as_of": "2020-01-01T00:00:00Z"}, "as_of"),
            ({"sequence": 1, "fields": ["version"]}, "fields"),
            ({"sequence": 1, "fields": []}, "fields"),
            ({"sequence": 1, "field": "tags"}, "field"),
        ],
    )
    def test_refuses_states_and_fields_that_are_none(
        self, client, contact, payload, field
    ):
        path, _ = contact
        code, answer, _ = client("POST", f"{path}/revert", payload)

        assert code == 422
        assert [each["field"] for each in answer["errors"]] == [field]
