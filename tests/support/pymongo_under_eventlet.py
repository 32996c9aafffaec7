"""Each check is one thing that our services need of PyMongo under eventlet.

PyMongo gave up supporting eventlet, so nobody else tests it: run these with
every new version of either. One line of JSON for each check: its name, and
null or what went wrong.
"""

# ruff: noqa: E402 - the world is patched before anything else is imported
import eventlet

eventlet.monkey_patch()

import contextlib
import json
import sys
import threading
import time
import traceback

import pymongo
from pymongo import MongoClient, monitoring
from pymongo.errors import PyMongoError, WaitQueueTimeoutError

URI, DATABASE = sys.argv[1:]
LOOKUP_S = 0.3


class Heartbeats(monitoring.ServerHeartbeatListener):
    """Counts what the driver's own monitor hears."""

    heard = missed = 0

    def started(self, _event):
        pass

    def succeeded(self, _event):
        self.heard += 1

    def failed(self, _event):
        self.missed += 1


def connect(**options):
    return MongoClient(URI, w="majority", **options)


def look(client, seconds=LOOKUP_S):
    """A query that takes so long on the server."""
    condition = {"$where": f"sleep({int(seconds * 1_000)}) || true"}
    return list(client[DATABASE].rows.find(condition))


@contextlib.contextmanager
def watched_hub():
    """Yields the longest times for which no other green thread could run."""
    gaps = [0.0]
    is_over = eventlet.event.Event()

    def tick():
        last = time.monotonic()
        while not is_over.ready():
            eventlet.sleep(0.01)
            now = time.monotonic()
            gaps[0] = max(gaps[0], now - last)
            last = now

    ticker = eventlet.spawn(tick)
    yield gaps
    is_over.send(None)
    ticker.wait()


def check_queries_run_side_by_side():
    with connect(maxPoolSize=20) as client, watched_hub() as gaps:
        client.admin.command("ping")
        began = time.monotonic()
        found = list(eventlet.GreenPool(10).imap(look, [client] * 10))
        took_s = time.monotonic() - began
    assert all(len(rows) == 1 for rows in found)
    assert took_s < 10 * LOOKUP_S * 0.8, took_s
    assert gaps[0] < LOOKUP_S, f"all stood still for {gaps[0]} s"


def check_a_full_pool_makes_callers_wait_and_then_gives_up():
    def outcome(client):
        try:
            return len(look(client))
        except PyMongoError as error:
            return isinstance(error, WaitQueueTimeoutError)

    with connect(maxPoolSize=2, waitQueueTimeoutMS=200) as client:
        holders = [eventlet.spawn(look, client, 2) for _ in range(2)]
        eventlet.sleep(0.5)
        found = list(eventlet.GreenPool(4).imap(outcome, [client] * 4))
        assert found == [True] * 4, found
        assert [len(each.wait()) for each in holders] == [1, 1]
        assert [outcome(client) for _ in range(3)] == [1, 1, 1]


def check_a_killed_green_thread_gives_its_connection_back():
    with connect(maxPoolSize=1, waitQueueTimeoutMS=1_000) as client:
        for _ in range(3):
            victim = eventlet.spawn(look, client, 5)
            eventlet.sleep(0.1)
            victim.kill()
            assert len(look(client, 0.01)) == 1


def check_a_timeout_of_eventlet_gives_its_connection_back():
    with connect(maxPoolSize=1, waitQueueTimeoutMS=1_000) as client:
        for _ in range(3):
            try:
                with eventlet.Timeout(0.1):
                    look(client, 5)
            except eventlet.Timeout:
                pass
            else:
                raise AssertionError("it was not interrupted")
            assert len(look(client, 0.01)) == 1


def check_a_deadline_ends_a_query():
    with connect() as client, watched_hub() as gaps:
        client.admin.command("ping")
        began = time.monotonic()
        try:
            with pymongo.timeout(0.2):
                look(client, 5)
        except PyMongoError as error:
            is_over = error.timeout
        else:
            is_over = False
        assert is_over
        assert time.monotonic() - began < 2
        assert len(look(client, 0.01)) == 1
    assert gaps[0] < LOOKUP_S, f"all stood still for {gaps[0]} s"


def check_a_deadline_is_the_green_threads_own():
    with connect() as client:

        def bounded():
            with pymongo.timeout(0.1):
                eventlet.sleep(0.2)
                try:
                    look(client, 0.01)
                except PyMongoError as error:
                    return error.timeout
            return False

        hurried = eventlet.spawn(bounded)
        eventlet.sleep(0.05)
        assert len(look(client, 0.3)) == 1
        assert hurried.wait()


def check_transactions_commit_abort_and_conflict():
    with connect() as client:
        rows = client[DATABASE].counters
        rows.insert_one({"_id": "n", "value": 0})

        def increment(session):
            row = rows.find_one({"_id": "n"}, session=session)
            eventlet.sleep(0.01)
            changed = {"$set": {"value": row["value"] + 1}}
            rows.update_one({"_id": "n"}, changed, session=session)

        def run(_):
            with client.start_session() as session:
                session.with_transaction(increment)

        with (
            client.start_session() as session,
            contextlib.suppress(ZeroDivisionError),
            session.start_transaction(),
        ):
            increment(session)
            raise ZeroDivisionError
        assert rows.find_one({"_id": "n"})["value"] == 0
        list(eventlet.GreenPool(5).imap(run, range(20)))
        assert rows.find_one({"_id": "n"})["value"] == 20


def check_the_monitor_keeps_beating_and_work_goes_on_beside_it():
    listener = Heartbeats()
    options = {"heartbeatFrequencyMS": 500, "event_listeners": [listener]}
    with connect(**options) as client, watched_hub() as gaps:
        client.admin.command("ping")
        before = listener.heard
        eventlet.sleep(1.6)
        assert listener.heard > before
        assert listener.missed == 0
    assert gaps[0] < LOOKUP_S, f"all stood still for {gaps[0]} s"


def check_a_server_that_is_away_is_given_up_in_time():
    with watched_hub() as gaps:
        client = MongoClient(
            "mongodb://127.0.0.1:1/?directConnection=true", serverSelectionTimeoutMS=500
        )
        began = time.monotonic()
        try:
            client.admin.command("ping")
        except PyMongoError:
            took_s = time.monotonic() - began
        client.close()
    assert 0.3 < took_s < 2, took_s
    assert gaps[0] < LOOKUP_S, f"all stood still for {gaps[0]} s"


def check_closing_leaves_no_thread():
    before = threading.active_count()
    client = connect(maxPoolSize=5)
    look(client, 0.01)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 1
    with eventlet.Timeout(2, AssertionError(threading.enumerate())):
        while threading.active_count() > before:
            eventlet.sleep(0.05)


def main():
    with connect() as client:
        client[DATABASE].rows.insert_one({"_id": 1})
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            problem = None
            try:
                check()
            except BaseException:  # noqa: BLE001 - whatever it is, it is told
                problem = traceback.format_exc()
            sys.stdout.write(f"{json.dumps([name, problem])}\n")


if __name__ == "__main__":
    main()
