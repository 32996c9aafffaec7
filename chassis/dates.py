"""Days and moments as clients write them: RFC 3339, and nothing beside it.

Python reads whatever ISO 8601 has besides: weeks, days without hyphens, commas.
"""

import re
from datetime import UTC, date, datetime
from typing import Final

__all__ = ["read_day", "read_moment"]

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)


def read_day(text: str) -> date:
    """The day in a text such as ``2026-01-31``.

    Raises:
        ValueError: It is none, or written in another way.
    """
    if not _DAY.fullmatch(text):
        raise ValueError("no day")
    return date.fromisoformat(text)


def read_moment(text: str) -> datetime:
    """The moment in a text such as ``2026-01-31T09:30:00Z``, in UTC.

    In UTC it is meant, too, where it says no offset.

    Raises:
        ValueError: It is none, or written in another way.
    """
    if not _MOMENT.fullmatch(text.upper()):
        raise ValueError("no moment")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond all years") from None
