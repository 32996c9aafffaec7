import os
import signal
import time

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def account(client, until):
    """An account with a contact, a note, and an open opportunity, noted too."""
    _, account, _ = client("POST", "/v1/accounts", {"name": "Ångström & Söhne"})
    _, contact, _ = client(
        "POST", "/v1/contacts", {"last_name": "Li", "account_id": account["id"]}
    )
    client("POST", "/v1/interactions", {"type": "note", "account_id": account["id"]})
    _, lead, _ = client("POST", "/v1/leads", {"company": "Ångström", "last_name": "Q"})
    client("POST", f"/v1/leads/{lead['id']}/qualify")
    payload = {"account_id": account["id"], "contact_id": contact["id"]}
    client("POST", f"/v1/leads/{lead['id']}/convert", payload)
    path = f"/v1/accounts/{account['id']}"

    def counted():
        _, current, _ = client("GET", path)
        return current["interaction_count"] == 3 and current

    return until(counted)


def statuses(answer):
    return {name: each["status"] for name, each in answer["sections"].items()}


def timed(client, path):
    started = time.monotonic()
    code, answer, _ = client("GET", path)
    return code, answer, time.monotonic() - started


class TestOverview:
    def test_joins_what_the_services_know(self, client, account):
        _, answer, _ = client("GET", f"/v1/accounts/{account['id']}/overview")
        sections = answer["sections"]
        lengths = {
            name: len(each["data"]["data"])
            for name, each in sections.items()
            if name != "account"
        }

        assert sections["account"]["data"] == account
        assert lengths == {"contacts": 1, "opportunities": 1, "interactions": 3}
        for each in sections.values():
            assert client("GET", each["href"])[1] == each["data"]

    @pytest.mark.parametrize("victim", ["sales-rpc-1", "customer-rpc-1"])
    def test_is_there_within_two_seconds_while_a_service_hangs(
        self, client, account, paused, until, victim
    ):
        path = f"/v1/accounts/{account['id']}/overview"
        whole = client("GET", path)[1]["sections"]
        with paused(victim):
            code, answer, took_s = timed(client, path)
            again, _, again_took_s = timed(client, path)

        lost = {"sales-rpc-1": {"opportunities"}}.get(
            victim, {"account", "contacts", "interactions"}
        )
        assert (code, again) == (200, 200)
        assert max(took_s, again_took_s) < 2
        assert {n for n, s in statuses(answer).items() if s == "unavailable"} == lost
        for name, each in answer["sections"].items():
            assert each["data"] == whole[name]["data"]
            assert (each["age_s"] is not None) == (name in lost)
        until(lambda: "unavailable" not in statuses(timed(client, path)[1]).values())

    def test_is_there_while_services_are_killed(
        self, client, account, processes, until
    ):
        path = f"/v1/accounts/{account['id']}/overview"
        whole = client("GET", path)[1]["sections"]
        for victim in ("sales-rpc-1", "customer-rpc-1"):
            os.kill(processes()[victim]["pid"], signal.SIGKILL)
        code, answer, took_s = timed(client, path)

        assert (code, took_s < 2) == (200, True)
        for name, each in answer["sections"].items():
            assert each["data"] == whole[name]["data"]
        until(lambda: set(statuses(timed(client, path)[1]).values()) == {"ok"})

    def test_of_an_account_never_seen_waits_for_its_owner(
        self, client, account, paused, until
    ):
        path = f"/v1/accounts/{account['id']}/overview"
        with paused("customer-rpc-1"):
            code, problem, took_s = timed(client, path)

        assert code in {503, 504}, problem
        assert took_s < 2
        until(lambda: client("GET", path)[0] == 200)

    def test_is_not_kept_for_others(self, client, account, newcomer, paused, until):
        path = f"/v1/accounts/{account['id']}/overview"
        assert client("GET", path)[0] == 200
        stranger = newcomer()
        assert stranger("GET", path)[0] == 404
        with paused("customer-rpc-1"):
            code, _, _ = stranger("GET", path)

        assert code in {503, 504}
        until(lambda: client("GET", path)[0] == 200)

    def test_of_an_archived_account_is_gone_during_an_outage_too(
        self, client, account, paused, until
    ):
        path = f"/v1/accounts/{account['id']}/overview"
        assert client("GET", path)[0] == 200
        client("DELETE", f"/v1/accounts/{account['id']}")
        assert client("GET", path)[0] == 404
        with paused("customer-rpc-1"):
            code, _, _ = client("GET", path)

        assert code in {503, 504}
        until(lambda: client("GET", path)[0] == 404)


class TestHome:
    def test_shows_what_is_the_persons_own(self, client, newcomer):
        _, lead, _ = client("POST", "/v1/leads", {"company": "Foo"})
        _, answer, _ = client("GET", "/v1/home")
        _, other, _ = newcomer()("GET", "/v1/home")

        leads = answer["sections"]["leads"]["data"]["data"]
        assert [each["id"] for each in leads] == [lead["id"]]
        assert other["sections"]["leads"]["data"]["data"] == []
        assert set(statuses(answer).values()) == {"ok"}

    def test_goes_without_a_service_that_died(self, client, paused, until):
        with paused("analytics-rpc-1"), paused("notify-rpc-1"):
            code, answer, took_s = timed(client, "/v1/home")

        assert (code, took_s < 2) == (200, True)
        assert statuses(answer) == {
            "leads": "ok",
            "opportunities": "ok",
            "interactions": "ok",
            "activity": "unavailable",
            "deliveries": "unavailable",
        }
        until(lambda: set(statuses(client("GET", "/v1/home")[1]).values()) == {"ok"})
