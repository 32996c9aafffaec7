import pytest

from stack.backoff import CRASH_LOOP_AFTER, Backoff


class TestBackoff:
    def test_doubles_from_failure_to_failure_up_to_a_limit(self):
        backoff = Backoff(lambda: 0.0)

        delays = [backoff.next_delay_s(None) for _ in range(CRASH_LOOP_AFTER - 1)]

        assert [0.2, 0.4, 0.8, 1.6, 3.2] == pytest.approx(delays)

    def test_spreads_the_restarts_of_processes_that_died_together(self):
        early, late = Backoff(lambda: 0.0), Backoff(lambda: 1.0)

        assert (0.2, pytest.approx(0.3)) == (
            early.next_delay_s(None),
            late.next_delay_s(None),
        )

    def test_goes_on_slowly_in_a_crash_loop(self):
        backoff = Backoff(lambda: 0.0, failures=CRASH_LOOP_AFTER - 1)

        delay_s = backoff.next_delay_s(1.0)

        assert backoff.is_crash_loop
        assert delay_s == 20.0

    def test_forgets_failures_after_a_run_that_was_of_use(self):
        backoff = Backoff(lambda: 0.0, failures=CRASH_LOOP_AFTER)

        delay_s = backoff.next_delay_s(60.0)

        assert not backoff.is_crash_loop
        assert delay_s == 0.2
