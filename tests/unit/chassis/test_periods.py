from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from chassis.periods import bounds_of, period_of

TODAY = date(2026, 2, 25)  # a Wednesday


class TestPeriodOf:
    @pytest.mark.parametrize(
        ("text", "first", "behind"),
        [
            ("today", "2026-02-25", "2026-02-26"),
            ("yesterday", "2026-02-24", "2026-02-25"),
            ("tomorrow", "2026-02-26", "2026-02-27"),
            ("this_week", "2026-02-23", "2026-03-02"),
            ("last_week", "2026-02-16", "2026-02-23"),
            ("next_week", "2026-03-02", "2026-03-09"),
            ("this_month", "2026-02-01", "2026-03-01"),
            ("last_month", "2026-01-01", "2026-02-01"),
            ("next_month", "2026-03-01", "2026-04-01"),
            ("this_quarter", "2026-01-01", "2026-04-01"),
            ("last_quarter", "2025-10-01", "2026-01-01"),
            ("next_quarter", "2026-04-01", "2026-07-01"),
            ("this_year", "2026-01-01", "2027-01-01"),
            ("last_year", "2025-01-01", "2026-01-01"),
            ("last_1_days", "2026-02-25", "2026-02-26"),
            ("last_30_days", "2026-01-27", "2026-02-26"),
            ("next_7_days", "2026-02-26", "2026-03-05"),
        ],
    )
    def test_counts_days(self, text, first, behind):
        period = period_of(text, TODAY)

        assert [day.isoformat() for day in period] == [first, behind]

    @pytest.mark.parametrize(
        ("first_weekday", "first"),
        [
            (1, "2026-02-23"),
            # Today, and tomorrow, which has its turn in six days.
            (3, "2026-02-25"),
            (4, "2026-02-19"),
            (6, "2026-02-21"),
            (7, "2026-02-22"),
        ],
    )
    def test_begins_weeks_when_the_organization_does(self, first_weekday, first):
        weeks = [
            period_of(f"{which}_week", TODAY, first_weekday)
            for which in ("last", "this", "next")
        ]

        assert weeks[1][0].isoformat() == first
        assert [week[0] for week in weeks[1:]] == [week[1] for week in weeks[:-1]]
        assert {(behind - begun).days for begun, behind in weeks} == {7}

    @pytest.mark.parametrize(
        "text", ["", "now", "last_days", "last_0_days", "last_3661_days", "this_day"]
    )
    def test_knows_no_others(self, text):
        assert period_of(text, TODAY) is None


class TestBoundsOf:
    def test_follow_the_clocks_of_the_zone(self):
        # Clocks go forward on that night, so the day has 23 hours.
        period = date(2026, 3, 29), date(2026, 3, 30)

        first, behind = bounds_of(period, ZoneInfo("Europe/Berlin"))

        assert first == datetime(2026, 3, 28, 23, tzinfo=UTC)
        assert behind == datetime(2026, 3, 29, 22, tzinfo=UTC)
