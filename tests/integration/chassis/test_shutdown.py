"""What becomes of work under way when its process is told to end."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from worlds import ORG, ask, until

from chassis.ids import new_id

pytestmark = pytest.mark.integration

LONG_S = 10
# Callers hold a service for dead that is away for a second.
SOON_S = 2


class TestSigterm:
    def test_during_long_work_has_it_done_once_by_the_same_process(self, world):
        """With a second replica of each role standing by, which must not get it."""
        workers = world.start_all("rpc", "rpc", "events", "events")
        by_pid = {worker.pid: worker for worker in workers}
        client = world.client()
        call, entry = new_id(), new_id()
        world.order("on_entry_added", entry, sleep_s=LONG_S)

        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(
                ask, client, "sleep_for", 20.0, seconds=LONG_S, key=call
            )
            ask(client, "add_entry", org_id=ORG, entry_id=entry)
            caller = until(lambda: world.starts("sleep_for", call))[0]
            handler = until(lambda: world.starts("on_entry_added", entry))[0]
            for pid in (caller, handler):
                by_pid[pid].terminate()
            # The replica serves meanwhile.
            assert ask(client, "echo", value=1) == 1
            assert answer.result() == call

        assert [by_pid[pid].exit_code() for pid in (caller, handler)] == [0, 0]
        assert world.starts("sleep_for", call) == [caller]
        assert world.starts("on_entry_added", entry) == [handler]
        assert world.effects("on_entry_added", entry) == [1]
        assert client.in_flight == 0
        for queue in ("rpc-probe", "evt-probe-entry_added--probe.on_entry_added"):
            assert world.broker.waiting(queue) == 0
        assert all(
            worker.is_running
            for worker in workers
            if worker.pid not in {caller, handler}
        )

    def test_without_work_ends_it_before_callers_give_up(self, world):
        (worker,) = world.start_all("rpc")
        assert ask(world.client(), "echo", value=1) == 1
        began = time.monotonic()
        worker.terminate()

        assert worker.exit_code() == 0
        assert time.monotonic() - began < SOON_S
