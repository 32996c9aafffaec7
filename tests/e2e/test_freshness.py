import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from chassis.effects import Effect
from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.signer import Signer
from gateway_flask.consistency import Token

pytestmark = pytest.mark.e2e

WRITES = 100


@pytest.fixture
def contact(client):
    _, contact, _ = client("POST", "/v1/contacts", {"last_name": "Lovelace"})
    return f"/v1/contacts/{contact['id']}"


@pytest.fixture
def lookups(client):
    """How often answers came from memory, in all processes."""

    def count(outcome):
        text = client("GET", "/metrics")[1].decode()
        name = rf'gateway_cache_lookups_total{{outcome="{outcome}"}} (\S+)'
        return float(re.search(name, text)[1])

    return count


@pytest.fixture
def warm(lookups, until):
    """Read until every process answers from memory."""

    def read(client, path, times=20):
        def all_hit():
            before = lookups("hit")
            for _ in range(times):
                assert client("GET", path)[0] == 200
            return lookups("hit") - before == times

        until(all_hit)

    return read


@pytest.fixture
def sign(client, status):
    """A token like the client's own, with other claims."""
    secrets = Path(status["mailbox"]).parent / "secrets" / "auth"
    keys = KeySet.load(secrets / "jwks.json", status["gateway"])
    signer = Signer(secrets / "signing_key.pem", keys)
    claims = jwt.decode(client.token, options={"verify_signature": False})

    def token(subject, grants):
        return signer.sign(
            subject=subject, org_id=claims["org_id"], grants=grants, lifetime_s=600
        )

    token.own_subject = claims["sub"]
    return token


def patch_and_read(client, path, number):
    """The version that was written, and those read right behind it."""
    code, changed, _ = client("PATCH", path, {"job_title": f"title {number}"})
    assert code == 200, changed
    answers = [client("GET", path) for _ in range(3)]
    assert {answer[0] for answer in answers} == {200}
    return changed["version"], [answer[1]["version"] for answer in answers]


class TestARead:
    def test_never_shows_less_than_was_written(self, client, contact, lookups):
        before = lookups("hit")
        for number in range(WRITES):
            written, seen = patch_and_read(client, contact, number)

            assert set(seen) == {written}
        assert lookups("hit") > before

    def test_never_does_though_events_are_late(self, client, contact, warm, paused):
        warm(client, contact)
        with paused("customer-events-1"):
            for number in range(WRITES):
                written, seen = patch_and_read(client, contact, number)

                assert set(seen) == {written}

    def test_of_what_was_archived_finds_nothing(self, client, contact, warm, paused):
        warm(client, contact)
        with paused("customer-events-1"):
            client("DELETE", contact)
            gone = {client("GET", contact)[0] for _ in range(20)}
            client("POST", f"{contact}/restore")
            back = {client("GET", contact)[0] for _ in range(20)}

        assert (gone, back) == ({404}, {200})

    def test_of_a_converted_lead_shows_it(self, client, warm):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Acme"})
        path = f"/v1/leads/{lead['id']}"
        warm(client, path)
        client("POST", f"{path}/qualify")
        qualified = {client("GET", path)[1]["status"] for _ in range(10)}
        client("POST", f"{path}/convert", {})
        converted = {client("GET", path)[1]["status"] for _ in range(10)}

        assert (qualified, converted) == ({"qualified"}, {"converted"})

    def test_with_the_version_it_has_gets_304(
        self, client, contact, warm, lookups, until
    ):
        warm(client, contact)
        tag = client("GET", contact)[2]["ETag"]

        def is_hit():
            before = lookups("hit")
            code, body, headers = client("GET", contact, If_None_Match=tag)
            assert (code, body, headers["ETag"]) == (304, b"", tag)
            return lookups("hit") == before + 1

        # What tells of the contact's making drops answers that are kept by then.
        until(is_hit)

    def test_that_wants_no_cache_gets_none(self, client, contact, warm, lookups):
        warm(client, contact)
        before = lookups("hit")
        code, _, _ = client("GET", contact, Cache_Control="no-cache")

        assert (code, lookups("hit")) == (200, before)

    def test_goes_to_its_owner_while_the_state_store_hangs(
        self, client, contact, warm, lookups, paused
    ):
        warm(client, contact)
        before = lookups("hit")
        with paused("redis-state"):
            code, changed, _ = client("PATCH", contact, {"job_title": "new"})
            seen = {client("GET", contact)[1]["version"] for _ in range(10)}

        assert (code, seen) == (200, {changed["version"]})
        assert lookups("hit") == before


class TestACachedAnswer:
    def test_is_not_given_to_another_organization(
        self, client, contact, warm, newcomer
    ):
        warm(client, contact)
        stranger = newcomer()

        assert {stranger("GET", contact)[0] for _ in range(10)} == {404}

    @pytest.mark.parametrize(
        ("person", "grants", "expected"),
        [
            ("another", {"*": "own"}, 404),
            ("another", {"contacts:read": "team"}, 404),
            ("another", {"contacts:read": "all"}, 200),
            ("same", {"contacts:read": "own"}, 200),
            ("same", {"leads:read": "all"}, 403),
        ],
    )
    def test_is_given_to_those_who_may_see_it(  # noqa: PLR0917 - three are cases
        self, client, contact, sign, person, grants, expected
    ):
        token = sign(sign.own_subject if person == "same" else new_id(), grants)
        codes = set()
        for _ in range(10):
            assert client("GET", contact)[0] == 200
            codes.add(client("GET", contact, Authorization=f"Bearer {token}")[0])

        assert codes == {expected}


class TestAToken:
    def test_lets_analytics_count_what_was_written(self, client):
        for number in range(30):
            _, _, headers = client("POST", "/v1/contacts", {"last_name": f"N{number}"})
            token = headers["X-Consistency-Token"]
            path = "/v1/analytics/activity"
            _, seen, _ = client("GET", path, X_Consistency_Token=token)

            assert seen["totals"]["customer.contact_created"] == number + 1

    def test_of_a_batch_stands_for_all_of_it(self, client):
        rows = [{"op": "create", "data": {"last_name": f"N{n}"}} for n in range(300)]
        _, _, headers = client("POST", "/v1/contacts/batch", {"operations": rows})
        token = headers["X-Consistency-Token"]
        _, seen, _ = client("GET", "/v1/analytics/activity", X_Consistency_Token=token)

        assert seen["totals"]["customer.contact_created"] == 300
        assert len(token) < 1_000

    def test_of_a_conversion_stands_for_both_services(self, client):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Acme"})
        client("POST", f"/v1/leads/{lead['id']}/qualify")
        path, key = f"/v1/leads/{lead['id']}/convert", new_id()
        _, _, first = client("POST", path, {}, Idempotency_Key=key)
        _, _, again = client("POST", path, {}, Idempotency_Key=key)
        token = first["X-Consistency-Token"]
        _, page, _ = client("GET", "/v1/events?limit=50", X_Consistency_Token=token)
        names = {each["event"] for each in page["data"]}

        assert again["X-Consistency-Token"] == token
        assert {
            "customer.account_created",
            "customer.contact_created",
            "sales.lead_converted",
            "sales.opportunity_created",
        } <= names

    def test_is_waited_for_by_many_at_once(self, client):
        def write_and_read(number):
            code, _, headers = client(
                "POST", "/v1/contacts", {"last_name": f"{number}"}
            )
            assert code == 201
            token = headers["X-Consistency-Token"]
            return client("GET", "/v1/analytics/activity", X_Consistency_Token=token)[
                :2
            ]

        with ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(write_and_read, range(16 * 20)))

        assert [answer for answer in answers if answer[0] != 200] == []

    def test_of_what_never_happens_holds_up_nobody_else(self, client, newcomer):
        forger = newcomer()
        org_id = forger("GET", "/v1/orgs/current")[1]["id"]
        never = Token.of([Effect(new_id(), 2, 2)], new_id()).write(org_id)

        def read(_):
            began = time.monotonic()
            answer = forger("GET", "/v1/events", X_Consistency_Token=never)
            return answer[1]["code"], time.monotonic() - began

        with ThreadPoolExecutor(24) as forgers:
            reads = forgers.map(read, range(24))
            for number in range(10):
                _, _, headers = client("POST", "/v1/contacts", {"last_name": "Li"})
                token = headers["X-Consistency-Token"]
                _, seen, _ = client(
                    "GET", "/v1/analytics/activity", X_Consistency_Token=token
                )
                assert seen["totals"]["customer.contact_created"] == number + 1
            refused = list(reads)

        assert {code for code, _ in refused} == {"not_caught_up"}
        # Of 16 threads in each of two processes.
        assert sum(took_s > 3 for _, took_s in refused) <= 16

    def test_is_waited_for_until_the_deadline(self, client, paused):
        with paused("analytics-events-1"):
            _, _, headers = client("POST", "/v1/contacts", {"last_name": "Li"})
            token = {"X_Consistency_Token": headers["X-Consistency-Token"]}
            code, problem, answered = client("GET", "/v1/events", **token)
        late = client("GET", "/v1/events", **token)

        assert (code, problem["code"]) == (503, "not_caught_up")
        assert answered["Retry-After"] == "1"
        assert late[0] == 200

    def test_is_not_taken_from_elsewhere(self, client, contact, newcomer):
        _, _, headers = newcomer()("POST", "/v1/contacts", {"last_name": "Li"})
        for token in (headers["X-Consistency-Token"], "AAAA", "x" * 5_000, ""):
            code, problem, headers = client("GET", contact, X_Consistency_Token=token)

            assert (code, problem["code"]) == (400, "consistency_token_invalid")
            assert headers["RateLimit-Remaining"]
            assert problem["errors"][0]["field"] == "X-Consistency-Token"


@pytest.mark.usefixtures("_all_are_back")
class TestWithoutTheBroker:
    def test_nothing_comes_from_memory_nor_is_stale_behind_it(
        self, client, contact, warm, processes, until
    ):
        warm(client, contact)
        os.kill(processes()["rabbitmq"]["pid"], signal.SIGKILL)
        until(lambda: client("GET", contact)[0] == 503, pause_s=0.01)
        during = client("GET", contact)[0]

        def is_back():
            """Whether every process writes, and events arrive."""
            answers = [
                client("PATCH", contact, {"job_title": new_id()}) for _ in range(10)
            ]
            token = answers[-1][2]["X-Consistency-Token"] or "none"
            answers.append(client("GET", "/v1/events", X_Consistency_Token=token))
            return {code for code, _, _ in answers} == {200}

        until(is_back, within_s=90)
        for number in range(30):
            written, seen = patch_and_read(client, contact, number)

            assert set(seen) == {written}
        assert during in {200, 503}
