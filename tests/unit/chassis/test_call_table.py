"""How many calls may be in flight, and who waits for room."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.call_table import CallTable
from chassis.calls import PendingCall
from chassis.errors import UnavailableError


def pending(service: str = "customer", timeout_s: float = 5) -> PendingCall:
    return PendingCall(service, "get", time.monotonic() + timeout_s, lambda _: True)


@pytest.fixture
def waits_of(monkeypatch):
    """How long each wait of a table may take."""

    def watch(table):
        allowed, wait = [], table._has_ended.wait
        monkeypatch.setattr(
            table._has_ended,
            "wait",
            lambda timeout_s: allowed.append(timeout_s) or wait(timeout_s),
        )
        return allowed

    return watch


class TestAdmit:
    def test_refuses_beyond_the_bound_of_all(self):
        table = CallTable(1, 1)
        table.admit(pending("customer"))

        with pytest.raises(UnavailableError, match="too_busy"):
            table.admit(pending("sales"))

    def test_takes_a_burst_that_the_service_answers(self):
        table = CallTable(100, 2)

        def make_a_call(_):
            call = pending()
            table.admit(call)
            assert len(table) <= 2
            return table.take(call.correlation_id, is_answered=True) is call

        with ThreadPoolExecutor(20) as pool:
            assert all(pool.map(make_a_call, range(200)))
        assert len(table) == 0

    def test_waits_a_moment_for_another_call_to_end(self):
        table = CallTable(100, 1)
        first, second = pending(), pending()
        table.admit(first)
        answered = threading.Timer(0.05, table.take, [first.correlation_id])
        answered.start()

        table.admit(second)

        answered.join()
        assert second in table

    def test_does_not_wait_behind_a_service_that_is_silent(self, waits_of):
        table = CallTable(100, 1)
        table.admit(pending())
        with pytest.raises(UnavailableError, match="too_busy"):
            table.admit(pending())
        waits = waits_of(table)

        with pytest.raises(UnavailableError, match="too_busy"):
            table.admit(pending())
        table.admit(pending("sales"))

        assert waits == []

    def test_waits_no_longer_than_the_call_has_time(self, waits_of):
        table = CallTable(100, 1)
        table.admit(pending())
        waits = waits_of(table)

        with pytest.raises(UnavailableError, match="too_busy"):
            table.admit(pending(timeout_s=0.05))

        assert max(waits, default=0) <= 0.05
