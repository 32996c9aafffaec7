import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def shoot(processes):
    """``kill -9`` a process of the stack; the supervisor brings it back."""
    return lambda name: os.kill(processes()[name]["pid"], signal.SIGKILL)


class TestConversion:
    @pytest.mark.parametrize("victim", ["customer-rpc-1", "sales-rpc-1"])
    def test_is_finished_though_a_service_dies_before_it(
        self, client, shoot, until, victim
    ):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        shoot(victim)
        first, _, _ = client("POST", f"{path}/convert", {})

        def converted():
            code, made, _ = client("POST", f"{path}/convert", {})
            return code == 200 and made

        made = until(converted)
        found = {
            name: [each["id"] for each in client("GET", f"/v1/{name}")[1]["data"]]
            for name in ("accounts", "contacts", "opportunities")
        }

        assert first in {200, 503, 504}
        assert client("GET", path)[1]["status"] == "converted"
        assert found == {
            "accounts": [made["account_id"]],
            "contacts": [made["contact_id"]],
            "opportunities": [made["opportunity_id"]],
        }

    def test_is_finished_by_itself_if_nobody_asks_again(
        self, client, paused, shoot, until
    ):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        with paused("customer-rpc-1"):
            code, _, _ = client("POST", f"{path}/convert", {})
            _, between, _ = client("GET", path)
            shoot("customer-rpc-1")

        assert (between["status"], code) in {("converting", 503), ("converting", 504)}
        until(lambda: client("GET", path)[1]["status"] == "converted", within_s=60)
        plurals = ("accounts", "contacts", "opportunities")
        found = [len(client("GET", f"/v1/{name}")[1]["data"]) for name in plurals]
        assert found == [1, 1, 1]


class TestEvents:
    def test_are_counted_once_though_their_publisher_and_their_reader_die(
        self, client, shoot, until
    ):
        shoot("customer-events-1")
        made = [
            client("POST", "/v1/contacts", {"last_name": f"N{number}"})[0]
            for number in range(30)
        ]
        shoot("analytics-events-1")

        def count():
            totals = client("GET", "/v1/analytics/activity")[1]["totals"]
            return totals.get("customer.contact_created", 0)

        until(lambda: count() >= 30)
        _, last, _ = client("POST", "/v1/contacts", {"last_name": "last"})
        until(lambda: count() >= 31)
        assert made == [201] * 30
        assert (count(), last["version"]) == (31, 1)


class TestAnEventsProcess:
    def test_ends_in_time_though_events_keep_coming(self, client, processes, until):
        ended = threading.Event()

        def write():
            while not ended.is_set():
                client("POST", "/v1/contacts", {"last_name": "More"})

        pid = processes()["analytics-events-1"]["pid"]
        with ThreadPoolExecutor(4) as pool:
            try:
                for _ in range(4):
                    pool.submit(write)
                asked = time.monotonic()
                os.kill(pid, signal.SIGTERM)
                until(lambda: processes()["analytics-events-1"]["pid"] != pid)
                took_s = time.monotonic() - asked
            finally:
                ended.set()

        # Half of what it is given before it is killed.
        assert took_s < 10


class TestAStoppedProcess:
    def test_is_noticed_within_two_seconds_and_so_is_its_return(
        self, client, paused, until
    ):
        def ask(path):
            started = time.monotonic()
            code, answer, _ = client("GET", path)
            return code, answer.get("code"), time.monotonic() - started

        assert ask("/v1/contacts")[0] == 200
        with paused("customer-rpc-1"):
            code, why, took_s = ask("/v1/contacts")
            other, _, other_took_s = ask("/v1/leads")

        assert (code, why) == (503, "service_unavailable")
        assert took_s < 2.2
        assert (other, other_took_s < 1) == (200, True)
        until(lambda: ask("/v1/contacts")[0] == 200, within_s=5)


class TestDeadlines:
    def test_that_are_past_leave_nothing_to_be_done_later(self, client, paused, until):
        with paused("customer-rpc-1"):
            code, problem, _ = client("POST", "/v1/contacts", {"last_name": "Late"})
            # It was given five seconds, at some time before it was answered.
            past = time.monotonic() + 5.2
            until(lambda: time.monotonic() > past)

        def made():
            return client("POST", "/v1/contacts", {"last_name": "After"})[0] == 201

        until(made)
        names = [each["last_name"] for each in client("GET", "/v1/contacts")[1]["data"]]
        assert (code, problem["code"]) in {
            (503, "service_unavailable"),
            (504, "deadline_exceeded"),
        }
        assert names == ["After"]


class TestIdempotency:
    def test_makes_one_thing_of_many_requests_at_once(self, client):
        def post(_):
            return client(
                "POST", "/v1/contacts", {"last_name": "Key"}, Idempotency_Key="k"
            )[0]

        with ThreadPoolExecutor(20) as pool:
            codes = set(pool.map(post, range(20)))
        _, page, _ = client("GET", "/v1/contacts?include=count")

        assert codes <= {201, 409}
        assert page["page"]["count"] == 1

    def test_lets_a_retry_in_once_a_failure_was_answered(self, client, paused, until):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Key"})
        path = f"/v1/leads/{lead['id']}"
        client("POST", f"{path}/qualify")
        codes = []

        def convert():
            answer = client("POST", f"{path}/convert", {}, Idempotency_Key="k")
            codes.append(answer[0])
            return answer[0] == 200

        with paused("customer-rpc-1"):
            convert()
            convert()
        until(convert)
        _, accounts, _ = client("GET", "/v1/accounts?include=count")

        assert set(codes[:-1]) == {503}
        assert accounts["page"]["count"] == 1

    def test_makes_one_of_what_has_a_secret(self, client):
        path, payload = "/v1/access-tokens", {"name": "CI", "scope": ["contacts:read"]}
        made = [
            client("POST", path, payload, Idempotency_Key="secret") for _ in range(3)
        ]
        listed = client("GET", path)[1]["data"]
        works = [
            client("GET", "/v1/me", Authorization=f"Bearer {each[1]['token']}")[0]
            for each in made
        ]
        client("DELETE", f"{path}/{made[0][1]['id']}")
        late = client("POST", path, payload, Idempotency_Key="secret")

        assert {each[0] for each in made} == {201}
        assert [each["id"] for each in listed] == [made[0][1]["id"]]
        assert listed[0]["hint"] == made[-1][1]["hint"]
        assert works == [401, 401, 200]
        assert (late[0], late[1]["code"]) == (404, "access_token_not_found")

    def test_makes_one_application_of_many_requests(self, client):
        payload = {
            "name": "Merge",
            "redirect_uris": [],
            "grant_types": ["client_credentials"],
            "scope": "contacts:read",
        }

        def is_let_in(made):
            body = urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": made["client_id"],
                    "client_secret": made["client_secret"],
                }
            )
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            return client("POST", "/oauth/token", raw=body.encode(), **form)[0] == 200

        path = "/v1/oauth-clients"
        ask = partial(client, "POST", path, payload, Idempotency_Key="one")
        made = [ask()[1] for _ in range(2)]
        assert [is_let_in(each) for each in made] == [False, True]
        rotate = partial(
            client,
            "POST",
            f"{path}/{made[0]['id']}/rotate-secret",
            Idempotency_Key="other",
        )
        rotated = [rotate()[1] for _ in range(2)]

        assert [is_let_in(each) for each in rotated] == [False, True]
        assert [each["id"] for each in client("GET", path)[1]["data"]] == [
            made[0]["id"]
        ]

    def test_replays_the_first_answer(self, client):
        payload = {"last_name": "Key"}
        first = client("POST", "/v1/contacts", payload, Idempotency_Key="k")
        second = client("POST", "/v1/contacts", payload, Idempotency_Key="k")
        other = client("POST", "/v1/contacts", {"last_name": "X"}, Idempotency_Key="k")

        assert first[:2] == second[:2]
        assert second[2]["Idempotency-Replayed"] == "true"
        assert (422, "idempotency_key_reused") == (other[0], other[1]["code"])

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/v1/accounts"),
            ("PATCH", "/v1/contacts/{id}"),
            ("DELETE", "/v1/contacts/{id}"),
        ],
    )
    def test_refuses_a_key_that_was_used_on_another_route(self, client, method, path):
        _, made, _ = client(
            "POST", "/v1/contacts", {"last_name": "Key"}, Idempotency_Key="k"
        )
        payload = {"name": "Key"} if path == "/v1/accounts" else {"first_name": "K"}
        sent = None if method == "DELETE" else payload
        code, problem, _ = client(
            method, path.format(**made), sent, Idempotency_Key="k"
        )

        assert (code, problem["code"]) == (422, "idempotency_key_reused")
        assert client("GET", "/v1/accounts")[1]["data"] == []
        assert client("GET", f"/v1/contacts/{made['id']}")[0] == 200

    def test_archives_once(self, client):
        path = (
            "/v1/contacts/"
            + client("POST", "/v1/contacts", {"last_name": "K"})[1]["id"]
        )
        codes = [client("DELETE", path, Idempotency_Key="gone")[0] for _ in range(2)]
        restored = client("POST", f"{path}/restore", Idempotency_Key="gone")
        anew = client("POST", f"{path}/restore", Idempotency_Key="back")

        assert codes == [204, 204]
        assert (restored[0], restored[1]["code"]) == (422, "idempotency_key_reused")
        assert anew[0] == 200
