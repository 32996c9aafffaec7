"""Segments, as clients see them: definitions, members, events."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from members import recruit

from chassis.ids import new_id

pytestmark = pytest.mark.e2e

SECONDS = 5
# A process that is killed again and again is left alone for up to half a minute.
LONGEST_BACK_OFF_S = 45
BUYERS = {"interactions": "purchase", "count": {"gte": 2}, "within": "90d"}
CUSTOMERS = {"field": "lifecycle_stage", "op": "eq", "value": "customer"}


def days_ago(days):
    moment = datetime.now(tz=UTC) - timedelta(days=days)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class Customers:
    """What one organization has, and which segments that is in."""

    def __init__(self, client, until):
        self.client = client
        self.until = until

    def add(self, name, **values):
        payload = {"last_name": name, **values}
        code, made, _ = self.client("POST", "/v1/contacts", payload)
        assert code == 201, made
        return made["id"]

    def buy(self, contact_id, days, amount="10.00", **headers):
        payload = {
            "type": "purchase",
            "contact_id": contact_id,
            "occurred_at": days_ago(days),
            "amount": {"amount": amount, "currency": "USD"},
        }
        code, made, _ = self.client("POST", "/v1/interactions", payload, **headers)
        assert code == 201, made
        return f"/v1/interactions/{made['id']}"

    def segment(self, definition=None, kind="dynamic", **values):
        """A segment that is ready, by its path."""
        payload = {"resource": "contacts", "kind": kind, "name": new_id(), **values}
        if definition is not None:
            payload["definition"] = definition
        code, made, _ = self.client("POST", "/v1/segments", payload)
        assert code == 201, made
        path = f"/v1/segments/{made['id']}"
        self.until(lambda: self.client("GET", path)[1]["status"] == "ready")
        return path

    def members(self, path, query=""):
        code, page, _ = self.client("GET", f"{path}/members{query}")
        assert code == 200, page
        return {each.get("last_name") or each["name"] for each in page["data"]}

    def soon_has(self, path, *names):
        self.until(lambda: self.members(path) == set(names), within_s=SECONDS)

    def events(self, *names):
        """What the organization's feed tells of these names, in order."""
        query = f"types={','.join(names)}&after=0&limit=200"
        return self.client("GET", f"/v1/events?{query}")[1]["data"]

    def told(self, path):
        """Who is in a segment by all that was told of it; each move was one."""
        types = "types=customer.segment_entered,customer.segment_left"
        members, after = set(), 0
        while True:
            query = f"{types}&after={after}&limit=200"
            page = self.client.patiently("GET", f"/v1/events?{query}")[1]
            for each in page["data"]:
                after, data = each["position"], each["data"]
                if data["segment_id"] == id_of(path):
                    has_come = each["event"] == "customer.segment_entered"
                    assert (data["record_id"] in members) != has_come
                    members ^= {data["record_id"]}
            if not page["data"]:
                return members

    def moves(self, path):
        """Who came into a segment and who went, as it was told."""
        return [
            (each["event"].rpartition("_")[2], each["data"]["record_id"])
            for each in self.events("customer.segment_entered", "customer.segment_left")
            if each["data"]["segment_id"] == id_of(path)
        ]


def id_of(path):
    return path.rpartition("/")[2]


@pytest.fixture
def customers(client, until):
    return Customers(client, until)


class TestADynamicSegment:
    def test_has_whom_its_definition_fits_and_tells_of_a_build_once(self, customers):
        # Whoever is in this one has been looked at for the last time.
        witness = customers.segment({"interactions": None, "count": {"gte": 2}})
        ada, _ = customers.add("Ada", lifecycle_stage="customer"), customers.add("Bob")
        customers.buy(ada, 1)
        customers.buy(ada, 89)
        customers.soon_has(witness, "Ada")
        path = customers.segment({"all": [CUSTOMERS, BUYERS]})
        built = "/v1/events?types=customer.segment_built&after=0"

        def told():
            events = customers.client("GET", built)[1]["data"]
            return [each for each in events if each["aggregate"]["id"] == id_of(path)]

        assert customers.members(path) == {"Ada"}
        assert customers.moves(path) == []
        (event,) = customers.until(told, within_s=SECONDS)
        assert event["data"]["size"] == 1

    def test_follows_changes_and_tells_of_each_move_once(self, customers):
        path = customers.segment({"all": [CUSTOMERS, BUYERS]})
        ada = customers.add("Ada", lifecycle_stage="customer")
        customers.buy(ada, 1)
        late = customers.buy(ada, 200)
        assert customers.members(path) == set()
        customers.client("PATCH", late, {"occurred_at": days_ago(80)})
        customers.soon_has(path, "Ada")
        customers.client("PATCH", f"/v1/contacts/{ada}", {"lifecycle_stage": "other"})
        customers.soon_has(path)
        customers.client(
            "PATCH", f"/v1/contacts/{ada}", {"lifecycle_stage": "customer"}
        )
        customers.soon_has(path, "Ada")
        customers.client("DELETE", late)
        customers.soon_has(path)

        wanted = ["entered", "left", "entered", "left"]
        customers.until(
            lambda: [verb for verb, _ in customers.moves(path)] == wanted,
            within_s=SECONDS,
        )
        assert {record for _, record in customers.moves(path)} == {ada}

    def test_asks_for_what_did_not_happen_and_for_sums(self, customers):
        ada, bob = customers.add("Ada"), customers.add("Bob")
        idle = customers.segment({"not": {"interactions": None, "within": "30d"}})
        large = customers.segment(
            {"interactions": "purchase", "amount": {"gte": "15.00"}}
        )
        assert customers.members(idle) == {"Ada", "Bob"}
        customers.buy(ada, 2)
        customers.buy(ada, 400)
        customers.buy(bob, 400)

        customers.soon_has(idle, "Bob")
        customers.soon_has(large, "Ada")

    def test_asks_for_a_window_that_ended_with_some_day(self, customers):
        ada, bob = customers.add("Ada"), customers.add("Bob")
        path = customers.segment(
            {"interactions": None, "within": "10d", "as_of": days_ago(30)[:10]}
        )
        customers.buy(ada, 30)
        customers.buy(bob, 29)
        customers.soon_has(path, "Ada")
        customers.buy(bob, 39)

        customers.soon_has(path, "Ada", "Bob")

    def test_leaves_out_what_is_put_away(self, customers):
        ada = customers.add("Ada", lifecycle_stage="customer")
        path = customers.segment(CUSTOMERS)
        customers.client("DELETE", f"/v1/contacts/{ada}")
        customers.soon_has(path)
        customers.client("POST", f"/v1/contacts/{ada}/restore")

        customers.soon_has(path, "Ada")

    def test_of_another_definition_is_built_anew_and_so_are_those_that_name_it(
        self, customers
    ):
        customers.add("Ada", lifecycle_stage="customer")
        customers.add("Bob", lifecycle_stage="evangelist")
        inner = customers.segment(CUSTOMERS)
        outer = customers.segment({"not": {"segment": id_of(inner)}})
        assert (customers.members(inner), customers.members(outer)) == (
            {"Ada"},
            {"Bob"},
        )
        changed = {"field": "lifecycle_stage", "value": "evangelist"}
        code, after, _ = customers.client("PATCH", inner, {"definition": changed})
        assert (code, after["definition"]) == (200, changed)

        customers.soon_has(inner, "Bob")
        customers.soon_has(outer, "Ada")

    def test_counts_its_members(self, customers):
        path = customers.segment(CUSTOMERS)

        def has(size):
            shown = customers.client("GET", path)[1]
            return shown["size"] == size

        customers.until(lambda: has(0), within_s=SECONDS)
        for name in ("Ada", "Bob"):
            customers.add(name, lifecycle_stage="customer")
        customers.until(lambda: has(2), within_s=SECONDS)

        def sizes():
            rows = customers.client("GET", f"{path}/sizes")[1]["data"]
            return [(row["size"], row["lowest"], row["highest"]) for row in rows]

        # The day's is written behind the segment's own.
        customers.until(lambda: sizes() == [(2, 0, 2)], within_s=SECONDS)

    def test_of_accounts_has_accounts(self, customers):
        definition = {"field": "industry", "op": "eq", "value": "Mining"}
        path = customers.segment(definition, resource="accounts")
        customers.client(
            "POST", "/v1/accounts", {"name": "Engines", "industry": "mining"}
        )

        def names():
            page = customers.client("GET", f"{path}/members")[1]
            return [each["name"] for each in page["data"]]

        customers.until(lambda: names() == ["Engines"], within_s=SECONDS)


class TestMoves:
    def test_are_told_of_whoever_comes_while_a_segment_is_being_made(self, customers):
        customers.add("Bob", lifecycle_stage="customer")
        payload = {"resource": "contacts", "kind": "dynamic", "name": "Buyers"}
        definition = {"any": [CUSTOMERS, BUYERS]}
        _, made, _ = customers.client(
            "POST", "/v1/segments", {**payload, "definition": definition}
        )
        path = f"/v1/segments/{made['id']}"
        ada = customers.add("Ada")
        for _ in range(3):
            customers.buy(ada, 1)
        customers.soon_has(path, "Ada", "Bob")
        customers.until(lambda: customers.moves(path), within_s=SECONDS)

        assert made["status"] == "building"
        assert customers.moves(path) == [("entered", ada)]

    def test_by_another_definition_are_told_once_it_is_shown(self, customers):
        stages = ("customer", "evangelist", "other")
        ada, bob, cleo = (
            customers.add(name, lifecycle_stage=stage)
            for name, stage in zip(("Ada", "Bob", "Cleo"), stages, strict=True)
        )
        inner = customers.segment(
            {"not": {"field": "lifecycle_stage", "value": "subscriber"}}
        )
        outer = customers.segment({"not": {"segment": id_of(inner)}})
        stays = {"field": "lifecycle_stage", "op": "in", "value": ["customer", "other"]}
        customers.client("PATCH", inner, {"definition": stays})
        customers.soon_has(outer, "Bob")
        customers.until(lambda: customers.moves(outer), within_s=SECONDS)
        customers.client("PATCH", inner, {"definition": {"not": CUSTOMERS}})
        customers.soon_has(outer, "Ada")
        for path in (inner, outer):
            customers.until(
                lambda p=path: len(customers.moves(p)) == 3, within_s=SECONDS
            )
        customers.client("POST", f"{inner}/refresh")
        customers.until(lambda: customers.client("GET", inner)[1]["status"] == "ready")
        customers.client(
            "PATCH", f"/v1/contacts/{cleo}", {"lifecycle_stage": "customer"}
        )
        for path in (inner, outer):
            customers.until(
                lambda p=path: len(customers.moves(p)) > 3, within_s=SECONDS
            )

        came_out = [("left", bob), ("entered", bob), ("left", ada), ("left", cleo)]
        opposite = {"left": "entered", "entered": "left"}
        assert sorted(customers.moves(inner)) == sorted(came_out)
        assert sorted(customers.moves(outer)) == sorted(
            (opposite[verb], who) for verb, who in came_out
        )
        event = customers.events("customer.segment_left")[0]
        assert event["actor"] == {"type": "service", "id": "service:customer"}

    def test_of_a_segment_that_is_back_begin_anew(self, customers):
        customers.add("Ada", lifecycle_stage="customer")
        path = customers.segment(CUSTOMERS)
        customers.client("DELETE", path)
        code, back, _ = customers.client("POST", f"{path}/restore")
        bob = customers.add("Bob", lifecycle_stage="customer")
        customers.soon_has(path, "Ada", "Bob")
        customers.until(lambda: customers.moves(path), within_s=SECONDS)

        assert (code, back["status"]) == (200, "building")
        assert customers.moves(path) == [("entered", bob)]

    def test_are_told_of_whoever_brought_them_about(self, newcomer, until, paused):
        """Though what people of several organizations do is looked at together."""
        orgs = [Customers(newcomer(), until) for _ in range(3)]
        paths = [each.segment(BUYERS) for each in orgs]
        people = [each.add("Ada") for each in orgs]
        with paused("customer-events-1"):
            for number in range(2):
                for each, contact in zip(orgs, people, strict=True):
                    each.buy(contact, 1, X_Request_Id=f"{contact}-{number}")

        for each, path, contact in zip(orgs, paths, people, strict=True):
            wanted = [("entered", contact)]
            until(lambda e=each, p=path, w=wanted: e.moves(p) == w, within_s=SECONDS)
            (event,) = each.events("customer.segment_entered")
            user = each.client("GET", "/v1/me")[1]["id"]

            assert event["actor"] == {"type": "person", "id": user}
            assert event["request_id"] == f"{contact}-1"


class TestAManualSegment:
    def test_has_those_that_it_was_given(self, customers):
        ada, bob = customers.add("Ada"), customers.add("Bob")
        path = customers.segment(kind="manual")
        dependent = customers.segment({"segment": id_of(path)})
        put = customers.client("POST", f"{path}/members", {"ids": [ada, bob]})
        again = customers.client("POST", f"{path}/members", {"ids": [ada]})
        assert put[:2] == (200, {"changed": 2, "unchanged": 0})
        assert again[:2] == (200, {"changed": 0, "unchanged": 1})
        customers.soon_has(dependent, "Ada", "Bob")
        gone = customers.client("DELETE", f"{path}/members", {"ids": [ada]})
        assert gone[:2] == (200, {"changed": 1, "unchanged": 0})

        assert customers.members(path) == {"Bob"}
        customers.soon_has(dependent, "Bob")
        wanted = {("entered", ada), ("entered", bob), ("left", ada)}
        customers.until(lambda: set(customers.moves(path)) == wanted, within_s=SECONDS)
        assert len(customers.moves(path)) == 3

    def test_refuses_whom_nobody_knows(self, customers, newcomer):
        path = customers.segment(kind="manual")
        stranger = newcomer()
        _, theirs, _ = stranger("POST", "/v1/contacts", {"last_name": "Eve"})
        ids = [customers.add("Ada"), theirs["id"]]
        code, problem, _ = customers.client("POST", f"{path}/members", {"ids": ids})

        assert (code, problem["code"]) == (422, "reference_not_found")
        assert [each["field"] for each in problem["errors"]] == ["ids.1"]
        assert stranger("GET", path)[0] == 404


class TestASnapshot:
    def test_is_defined_anew_by_whom_a_refresh_has_overtaken(self, customers):
        path = customers.segment(CUSTOMERS, "snapshot")
        _, seen, headers = customers.client("GET", path)
        assert customers.client("POST", f"{path}/refresh")[0] == 200
        code, answer, _ = customers.client(
            "PATCH", path, {"definition": BUYERS}, If_Match=headers["ETag"]
        )

        assert (code, answer["definition"]) == (200, BUYERS)
        assert answer["version"] > seen["version"] + 1

    def test_stays_as_it_was_until_it_is_refreshed(self, customers):
        customers.add("Ada", lifecycle_stage="customer")
        path = customers.segment(CUSTOMERS, kind="snapshot")
        customers.add("Bob", lifecycle_stage="customer")
        dynamic = customers.segment(CUSTOMERS)
        assert (customers.members(path), customers.members(dynamic)) == (
            {"Ada"},
            {"Ada", "Bob"},
        )
        customers.client("POST", f"{path}/refresh")

        customers.soon_has(path, "Ada", "Bob")


class TestMembers:
    def test_are_a_list_like_any_other(self, customers):
        for name in ("Ada", "Bob", "Cleo"):
            customers.add(name, lifecycle_stage="customer", tags=[name[0]])
        path = customers.segment(CUSTOMERS)

        assert customers.members(path, "?filter[tags]=B") == {"Bob"}
        assert customers.members(path, "?sort=-last_name&limit=1") == {"Cleo"}

    def test_are_those_that_the_caller_may_see(self, customers, newcomer):
        customers.add("Ada", lifecycle_stage="customer")
        path = customers.segment(CUSTOMERS)
        code, page, _ = newcomer()("GET", f"{path}/members")

        assert (code, page["code"]) == (404, "segment_not_found")

    def test_are_shown_to_each_by_their_own_rights(self, customers, status, newcomer):
        customers.add("Ada", lifecycle_stage="customer")
        path = customers.segment(CUSTOMERS)
        rep = recruit(status, newcomer, customers.client, "sales_rep")
        preview = {"resource": "contacts", "definition": CUSTOMERS}
        theirs = rep("POST", "/v1/segments/preview", preview)[1]
        refused = rep("PATCH", path, {"name": "Mine"})

        assert customers.members(path) == {"Ada"}
        assert rep("GET", f"{path}/members")[1]["data"] == []
        assert (theirs["count"], theirs["sample"]) == (0, [])
        assert (refused[0], refused[1]["code"]) == (403, "permission_missing")


class TestPreview:
    def test_counts_and_shows_some(self, customers):
        ada, bob = (
            customers.add("Ada", lifecycle_stage="customer"),
            customers.add("Bob"),
        )
        for contact in (ada, ada, bob):
            customers.buy(contact, 3)

        def preview(definition):
            payload = {"resource": "contacts", "definition": definition}
            code, found, _ = customers.client("POST", "/v1/segments/preview", payload)
            assert (code, found["count_capped"]) == (200, False)
            names = sorted(each["last_name"] for each in found["sample"])
            assert len(names) == found["count"]
            return names

        assert preview(CUSTOMERS) == ["Ada"]
        assert preview({"not": CUSTOMERS}) == ["Bob"]


class TestADefinition:
    @pytest.mark.parametrize(
        ("definition", "field"),
        [
            ({}, "definition"),
            ({"all": []}, "definition.all"),
            ({"all": [{"field": "nothing", "value": 1}]}, "definition.all.0.field"),
            (
                {"all": [{"field": "source", "op": "gt", "value": "a"}]},
                "definition.all.0.op",
            ),
            ({"not": {"field": "created_at", "value": "soon"}}, "definition.not.value"),
            ({"field": {"$ne": 1}, "value": 1}, "definition.field"),
            ({"field": "source", "value": {"$ne": 1}}, "definition.value"),
            ({"field": "tags", "value": ["vip", "gold"]}, "definition.value"),
            ({"field": "source", "value": "a", "$where": "1"}, "definition.$where"),
            ({"interactions": "dance"}, "definition.interactions"),
            ({"interactions": None, "count": {"gte": -1}}, "definition.count.gte"),
            ({"interactions": None, "count": {"$gt": 1}}, "definition.count.$gt"),
            ({"interactions": None, "within": "90 d"}, "definition.within"),
            ({"interactions": None, "amount": {"gte": 1}}, "definition.amount.gte"),
            (
                {"interactions": None, "amount": {"gte": "0." + "1234567890" * 4}},
                "definition.amount.gte",
            ),
            (
                {"interactions": None, "amount": {"gte": "1E-7000"}},
                "definition.amount.gte",
            ),
            ({"segment": "x"}, "definition.segment"),
        ],
    )
    def test_that_makes_no_sense_is_refused_by_its_path(
        self, customers, definition, field
    ):
        payload = {"resource": "contacts", "definition": definition}
        code, problem, _ = customers.client("POST", "/v1/segments/preview", payload)

        assert (code, problem["code"]) == (422, "invalid_input")
        assert [each["field"] for each in problem["errors"]] == [field]

    def test_that_is_too_large_is_refused(self, customers):
        deep = CUSTOMERS
        for _ in range(5):
            deep = {"not": deep}
        for definition in (deep, {"any": [CUSTOMERS] * 31}):
            payload = {"resource": "contacts", "definition": definition}
            code, problem, _ = customers.client("POST", "/v1/segments/preview", payload)

            assert (code, problem["code"]) == (422, "definition_too_large")

    def test_cannot_lead_to_itself_though_two_are_changed_at_once(self, customers):
        paths = [customers.segment(CUSTOMERS), customers.segment(CUSTOMERS)]
        names = [{"segment": id_of(path)} for path in paths]
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(
                    lambda place: customers.client(
                        "PATCH", paths[place], {"definition": names[1 - place]}
                    ),
                    (0, 1),
                )
            )
        codes = sorted(answer[0] for answer in answers)
        (refused,) = [answer[1] for answer in answers if answer[0] == 422]

        assert codes == [200, 422]
        assert refused["code"] == "segment_cycle"
        assert refused["errors"][0]["field"] == "definition.segment"

    def test_is_stored_with_many_others_at_once(self, customers):
        def make(number):
            payload = {"resource": "contacts", "kind": "dynamic", "name": new_id()}
            payload["definition"] = {"field": "source", "value": str(number)}
            return customers.client("POST", "/v1/segments", payload)[0]

        with ThreadPoolExecutor(20) as pool:
            made = list(pool.map(make, range(20)))

        assert made == [201] * 20

    @pytest.mark.parametrize("kind", ["dynamic", "snapshot"])
    def test_that_many_name_has_all_of_them_built_anew(self, customers, kind):
        """More of them than jobs of other kinds an organization may have waiting."""
        customers.add("Ada", lifecycle_stage="customer")
        customers.add("Bob", lifecycle_stage="evangelist")
        inner = customers.segment(CUSTOMERS, kind=kind)
        outer = [customers.segment({"segment": id_of(inner)}) for _ in range(22)]
        changed = {"definition": {"not": CUSTOMERS}}
        code, answer, _ = customers.client.patiently("PATCH", inner, changed)
        assert code == 200, answer

        for path in (inner, *outer):
            customers.soon_has(path, "Bob")
        listed = customers.client.patiently("GET", "/v1/segments")[1]["data"]
        assert {each["status"] for each in listed} == {"ready"}

    def test_that_is_refreshed_again_and_again_ends_as_the_last(self, customers):
        path = customers.segment(CUSTOMERS)
        customers.add("Ada", lifecycle_stage="customer")
        for _ in range(30):
            code, answer, _ = customers.client.patiently("POST", f"{path}/refresh")
            assert code == 200, answer

        customers.until(lambda: customers.client("GET", path)[1]["status"] == "ready")
        customers.soon_has(path, "Ada")

    def test_that_others_name_stays(self, customers):
        inner = customers.segment(CUSTOMERS)
        customers.segment({"segment": id_of(inner)})
        code, problem, _ = customers.client("DELETE", inner)

        assert (code, problem["code"]) == (409, "segment_in_use")


class TestKilling:
    def test_whoever_evaluates_loses_and_repeats_nothing(self, customers, processes):
        path = customers.segment(CUSTOMERS)

        def kill():
            victim = processes()["customer-events-1"]["pid"]
            os.kill(victim, signal.SIGKILL)
            customers.until(
                lambda: processes()["customer-events-1"]["pid"] not in {None, victim},
                within_s=LONGEST_BACK_OFF_S,
            )

        def write(number):
            return customers.add(f"Ada {number:02}", lifecycle_stage="customer")

        with ThreadPoolExecutor(4) as pool:
            writing = [pool.submit(write, number) for number in range(40)]
            while not all(each.done() for each in writing):
                kill()
            written = {each.result() for each in writing}
        kill()

        customers.until(
            lambda: len(customers.members(path, "?limit=200")) == 40, within_s=60
        )
        customers.until(lambda: len(customers.moves(path)) >= 40, within_s=60)
        assert sorted(customers.moves(path)) == sorted(
            ("entered", each) for each in written
        )

    def test_who_tells_of_a_build_loses_and_repeats_nothing(self, customers, processes):
        """Though the definition is changed again before all of it is told."""
        path = customers.segment(CUSTOMERS)
        people = {}
        for stage in ("customer", "evangelist"):
            operations = [
                {"op": "create", "data": {"last_name": "A", "lifecycle_stage": stage}}
            ] * 500
            code, rows, _ = customers.client.patiently(
                "POST", "/v1/contacts/batch", {"operations": operations}
            )
            assert code == 200, rows
            people[stage] = {each["data"]["id"] for each in rows["results"]}
        customers.until(lambda: customers.told(path) == people["customer"])
        asked = [
            *({"field": "lifecycle_stage", "value": "evangelist"}, CUSTOMERS),
            {"field": "lifecycle_stage", "value": "evangelist"},
        ]
        for definition in asked:
            code, problem, _ = customers.client.patiently(
                "PATCH", path, {"definition": definition}
            )
            assert code == 200, problem
            customers.until(
                lambda: customers.client("GET", path)[1]["status"] == "ready",
                within_s=60,
            )
            victim = customers.until(
                lambda: processes()["customer-events-1"]["pid"],
                within_s=LONGEST_BACK_OFF_S,
            )
            os.kill(victim, signal.SIGKILL)

        customers.until(
            lambda: customers.told(path) == people["evangelist"], within_s=60
        )

    def test_a_build_goes_on(self, customers, processes):
        operations = [
            {
                "op": "create",
                "data": {"last_name": f"A{n}", "lifecycle_stage": "customer"},
            }
            for n in range(500)
        ]
        for _ in range(4):
            customers.client("POST", "/v1/contacts/batch", {"operations": operations})
        payload = {
            "resource": "contacts",
            "kind": "dynamic",
            "name": "Many",
            "definition": CUSTOMERS,
        }
        _, made, _ = customers.client("POST", "/v1/segments", payload)
        path = f"/v1/segments/{made['id']}"
        os.kill(processes()["customer-events-1"]["pid"], signal.SIGKILL)

        customers.until(
            lambda: customers.client("GET", path)[1]["status"] == "ready", within_s=60
        )
        page = customers.client("GET", f"{path}/members?limit=1&include=count")[1][
            "page"
        ]
        assert page["count"] == 2000
