from datetime import UTC, datetime, timedelta

import pytest

from svc_auth.domain.login_delays import LoginDelay, delay_after

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class TestDelayAfter:
    @pytest.mark.parametrize(
        ("failures", "seconds"),
        [(0, 0), (5, 0), (6, 1), (7, 2), (10, 16), (16, 900), (10_000_000, 900)],
    )
    def test_grows_up_to_a_quarter_of_an_hour(self, failures, seconds):
        assert delay_after(failures) == timedelta(seconds=seconds)


class TestWait:
    def test_is_none_before_anything_happened(self):
        assert LoginDelay().wait_s("a", NOW) == 0

    @pytest.mark.parametrize(
        ("left", "seconds"), [(-1, 0), (0, 0), (0.1, 1), (1, 1), (1.5, 2)]
    )
    def test_ends_by_itself(self, left, seconds):
        delay = LoginDelay(failures=9, blocked_until=NOW + timedelta(seconds=left))

        assert delay.wait_s("a", NOW) == seconds

    def test_is_none_where_somebody_logged_in_before(self):
        blocked = NOW + timedelta(minutes=15)
        delay = LoginDelay(failures=99, blocked_until=blocked, addresses=("a",))

        assert delay.wait_s("a", NOW) == 0
        assert delay.wait_s("b", NOW) == 900
