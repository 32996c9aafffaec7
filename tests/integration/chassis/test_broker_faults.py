"""Lost, slow and silent connections to the broker, in the middle of work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from worlds import ORG, ask, until

from chassis.errors import DeadlineExceededError, UnavailableError
from chassis.ids import new_id

pytestmark = pytest.mark.integration

OUTAGE_S = 20
WRITERS = 4


@pytest.fixture(scope="module")
def proxy(world):
    return world.proxy_to_broker()


@pytest.fixture(scope="module")
def workers(world, proxy):
    return world.start_all("rpc", "events", broker_proxy=proxy)


@pytest.fixture(scope="module")
def client(world, proxy):
    return world.client(proxy)


def ask_until_answered(client, method, operation_id, **kwargs):
    """As somebody with an idempotency key does: again, until it is known."""
    pause = threading.Event()
    give_up_at = time.monotonic() + 60
    while True:
        try:
            return ask(client, method, context={"operation_id": operation_id}, **kwargs)
        except (UnavailableError, DeadlineExceededError):
            assert time.monotonic() < give_up_at, "never answered"
        pause.wait(0.25)


class Writer:
    """Counts one entry up, one keyed change after the other."""

    def __init__(self, client):
        self.entry = new_id()
        self.answered = 0
        self.is_done = threading.Event()
        self._client = client

    def run(self):
        terms = {"org_id": ORG, "entry_id": self.entry}
        ask_until_answered(self._client, "add_entry", new_id(), **terms)
        while not self.is_done.is_set():
            ask_until_answered(
                self._client, "change_entry", new_id(), lingers_s=0.1, **terms
            )
            self.answered += 1


def is_well(worker):
    return worker.readiness()[0] == 200


class TestAnOutage:
    def test_loses_and_doubles_nothing(self, world, proxy, workers, client):
        """Writes and long calls are under way when it begins, and go on."""
        writers = [Writer(client) for _ in range(WRITERS)]
        long_call = new_id()
        with ThreadPoolExecutor(WRITERS + 1) as threads:
            running = [threads.submit(writer.run) for writer in writers]
            until(lambda: all(writer.answered > 3 for writer in writers))
            slow = threads.submit(
                ask, client, "sleep_for", 10.0, seconds=3, key=long_call
            )
            until(lambda: world.starts("sleep_for", long_call))
            before = [writer.answered for writer in writers]
            back_at = time.monotonic() + OUTAGE_S
            proxy.go_away()
            with pytest.raises(UnavailableError, match="broker_unavailable"):
                slow.result()
            until(lambda: not any(map(is_well, workers)))
            until(lambda: time.monotonic() > back_at, within_s=OUTAGE_S + 1)
            proxy.come_back()
            until(
                lambda: all(
                    writer.answered > earlier + 3
                    for writer, earlier in zip(writers, before, strict=True)
                ),
                within_s=30,
            )
            for writer in writers:
                writer.is_done.set()
            for each in running:
                each.result()

        # The pause between two attempts to reconnect is five seconds at most.
        until(lambda: all(map(is_well, workers)), within_s=10)
        assert all(worker.is_running for worker in workers)
        for writer in writers:
            entry = world.database["entries"].find_one({"_id": writer.entry})
            expected = list(range(1, writer.answered + 2))
            assert entry["number"] == writer.answered
            until(
                lambda entry=writer.entry, expected=expected: (
                    world.effects("on_events", entry) == expected
                )
            )
            assert world.effects("on_entry_added", writer.entry) == [1]
            until(
                lambda entry=writer.entry, expected=expected: (
                    world.effects("on_entry_changed", entry) == expected[1:]
                )
            )


class TestAConnection:
    @pytest.mark.parametrize("method", ["add_entry", "change_entry"])
    def test_that_the_broker_closes_in_a_write_costs_no_second_effect(
        self, world, workers, client, method
    ):
        """The answer is lost, the request delivered again."""
        assert workers
        entry, operation_id = new_id(), new_id()
        terms = {"org_id": ORG, "entry_id": entry}
        if method == "change_entry":
            ask_until_answered(client, "add_entry", new_id(), **terms)
        until(lambda: "rpc-probe" in world.broker.consumers(), within_s=30)
        pending = client.begin(
            "probe",
            method,
            kwargs={**terms, "lingers_s": 2},
            context={"operation_id": operation_id},
            timeout_s=8.0,
        )
        until(lambda: world.starts(method, entry))
        world.broker.disconnect(world.broker.consumers()["rpc-probe"])
        try:
            answer = pending.result().result
        except (UnavailableError, DeadlineExceededError):
            # The worker was slow to come back: whoever asked asks again.
            answer = ask_until_answered(client, method, operation_id, **terms)

        stored = world.database["entries"].find_one({"_id": entry})
        assert len(world.starts(method, entry)) >= 2
        assert (answer, stored["number"]) == {
            "add_entry": (1, 0),
            "change_entry": (1, 1),
        }[method]
        expected = list(range(1, stored["version"] + 1))
        until(lambda: world.effects("on_events", entry) == expected)

    def test_that_goes_silent_fails_calls_in_time_and_serves_again(
        self, proxy, workers, client
    ):
        """Nobody is told that anything is wrong; nothing arrives."""
        assert workers
        assert ask(client, "echo", value=1) == 1
        proxy.swallow()
        began = time.monotonic()
        with pytest.raises((UnavailableError, DeadlineExceededError)):
            ask(client, "echo", timeout_s=1.0)
        took_s = time.monotonic() - began
        proxy.flow()

        assert took_s < 1.5
        assert ask_until_answered(client, "echo", new_id(), value=2) == 2
        assert client.in_flight == 0

    def test_that_is_slow_delivers_all_the_same(self, world, proxy, workers, client):
        assert workers
        value, entry = "x" * 50_000, new_id()
        proxy.delay_s, proxy.bytes_per_s = 0.02, 200_000
        try:
            assert ask(client, "echo", value=value) == value
            ask(client, "add_entry", org_id=ORG, entry_id=entry)
            until(lambda: world.effects("on_entry_added", entry) == [1])
        finally:
            proxy.delay_s, proxy.bytes_per_s = 0.0, None
