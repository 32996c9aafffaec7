"""Counts of interactions, as clients see them."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.e2e

SECONDS = 5
OF_ONE_KIND = 25
WRITERS = 4
TRIES = 6
# A process that is killed again and again is left alone for up to half a minute.
LONGEST_BACK_OFF_S = 45


@pytest.fixture
def contact(client):
    _, account, _ = client("POST", "/v1/accounts", {"name": "Engines"})
    payload = {"last_name": "Lovelace", "account_id": account["id"]}
    return client("POST", "/v1/contacts", payload)[1]


@pytest.fixture
def record(client, contact):
    def send(**values):
        payload = {
            "type": "call",
            "contact_id": contact["id"],
            "account_id": contact["account_id"],
            **values,
        }
        code, made, _ = client("POST", "/v1/interactions", payload)
        assert code == 201, made
        return f"/v1/interactions/{made['id']}"

    return send


@pytest.fixture
def shows(client, contact, until):
    """Wait until contact and account show so many, the last of them then."""

    def shown(path):
        view = client("GET", path)[1]
        return view["interaction_count"], view["last_interaction_at"]

    def wait(count, last, within_s=SECONDS):
        paths = (
            f"/v1/contacts/{contact['id']}",
            f"/v1/accounts/{contact['account_id']}",
        )
        for path in paths:
            until(
                # There are several processes that have to hear of it.
                lambda path=path: (
                    {shown(path) for _ in range(TRIES)} == {(count, last)}
                ),
                within_s=within_s,
            )

    return wait


class TestInteractionCount:
    def test_follows_what_is_recorded_changed_and_put_away(self, client, record, shows):
        shows(0, None)
        old = record(occurred_at="2025-01-01T00:00:00Z")
        new = record(occurred_at="2026-01-01T00:00:00Z")
        shows(2, "2026-01-01T00:00:00.000Z")
        client("DELETE", new)
        shows(1, "2025-01-01T00:00:00.000Z")
        client("POST", f"{new}/restore")
        shows(2, "2026-01-01T00:00:00.000Z")
        client("PATCH", new, {"occurred_at": "2024-01-01T00:00:00Z"})
        shows(2, "2025-01-01T00:00:00.000Z")
        client("DELETE", old)
        shows(1, "2024-01-01T00:00:00.000Z")

    def test_is_no_version_and_clashes_with_nobody(
        self, client, contact, record, shows
    ):
        path = f"/v1/contacts/{contact['id']}"
        before = client("GET", path)[2]["ETag"]
        record(occurred_at="2026-01-01T00:00:00Z")
        shows(1, "2026-01-01T00:00:00.000Z")
        code, seen, headers = client("GET", path, If_None_Match=before)
        patched = client("PATCH", path, {"job_title": "Analyst"}, If_Match=before)

        assert (code, seen["version"]) == (200, 1)
        assert headers["ETag"] != before
        assert (patched[0], patched[1]["version"]) == (200, 2)
        assert patched[1]["interaction_count"] == 1

    def test_orders_and_finds(self, client, contact, record, shows):
        client("POST", "/v1/contacts", {"last_name": "Silent"})
        record(occurred_at="2026-01-01T00:00:00Z")
        shows(1, "2026-01-01T00:00:00.000Z")
        sort = client("GET", "/v1/contacts?sort=-last_interaction_at")[1]["data"]
        path = "/v1/contacts?filter[last_interaction_at]"
        found = client("GET", f"{path}[gte]=2026-01-01")[1]["data"]
        silent = client("GET", f"{path}[exists]=false")[1]["data"]

        assert [each["last_name"] for each in sort] == ["Lovelace", "Silent"]
        assert [each["id"] for each in found] == [contact["id"]]
        assert [each["last_name"] for each in silent] == ["Silent"]

    def test_is_exact_though_whoever_counts_is_killed_again_and_again(
        self, record, shows, processes, until
    ):
        def kill():
            victim = processes()["customer-events-1"]["pid"]
            os.kill(victim, signal.SIGKILL)
            until(
                lambda: processes()["customer-events-1"]["pid"] not in {None, victim},
                within_s=LONGEST_BACK_OFF_S,
            )

        def write(first):
            for number in range(first, first + OF_ONE_KIND):
                record(occurred_at=f"2026-01-01T00:00:{number % 60:02}Z")

        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(write, 7 * each) for each in range(WRITERS)]
            while not all(each.done() for each in writing):
                kill()
            for each in writing:
                each.result()
        highest = max((7 * each + OF_ONE_KIND - 1) % 60 for each in range(WRITERS))

        shows(WRITERS * OF_ONE_KIND, f"2026-01-01T00:00:{highest}.000Z", within_s=60)
