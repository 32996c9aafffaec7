"""Relative dates: ``today``, ``last_30_days``, ``this_quarter``, and plain days.

A period is half-open, from its first day to the day behind its last. Weeks
begin on the organization's first weekday, 1 for Monday to 7 for Sunday (ISO 8601).
``last_30_days`` ends with today, ``next_30_days`` begins with tomorrow.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["RELATIVE_DATES", "Period", "bounds_of", "period_of"]

Period = tuple[date, date]

RELATIVE_DATES: Final = (
    "today",
    "yesterday",
    "tomorrow",
    "{last|this|next}_{week|month|quarter|year}",
    "{last|next}_<1-3660>_days",
)
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_CALENDAR: Final = re.compile(r"(last|this|next)_(week|month|quarter|year)")
_SPAN: Final = re.compile(r"(last|next)_([1-9]\d{0,3})_days")
_OFFSETS: Final = {"last": -1, "this": 0, "next": 1}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_LONGEST_SPAN: Final = 3_660


def period_of(text: str, today: date, first_weekday: int = 1) -> Period | None:
    """The days that ``text`` names, seen from ``today``; None if it names none."""
    if text in _DAYS:
        return _days(today, _DAYS[text], _DAYS[text] + 1)
    if match := _CALENDAR.fullmatch(text):
        offset = _OFFSETS[match[1]]
        if match[2] == "week":
            begun = (today.isoweekday() - first_weekday) % 7
            return _days(today, 7 * offset - begun, 7 * offset - begun + 7)
        return _calendar(today, _MONTHS[match[2]], offset)
    if match := _SPAN.fullmatch(text):
        count = int(match[2])
        if count > _LONGEST_SPAN:
            return None
        return (
            _days(today, 1 - count, 1)
            if match[1] == "last"
            else _days(today, 1, count + 1)
        )
    return None


def bounds_of(period: Period, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments between which a period's days pass in ``zone``."""
    first, behind = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in period
    )
    return first, behind


def _days(today: date, first: int, behind: int) -> Period:
    return today + timedelta(days=first), today + timedelta(days=behind)


def _calendar(today: date, length: int, offset: int) -> Period:
    month = today.year * 12 + today.month - 1
    first = month - month % length + offset * length
    return _first_of(first), _first_of(first + length)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
