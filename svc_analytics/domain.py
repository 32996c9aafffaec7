"""Counting events: pure folds from envelopes to additions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

__all__ = ["Activity", "count_events", "series_of", "totals_of"]


@dataclass(frozen=True)
class Activity:
    """How often one event happened in one organization on one day (UTC).

    ``kind`` tells interactions apart by type; it is empty for other events.
    """

    org_id: str
    day: date
    event: str
    kind: str = ""


def count_events(envelopes: Iterable[Mapping[str, Any]]) -> Counter[Activity]:
    """What a batch of envelopes adds."""
    return Counter(
        Activity(
            envelope["org_id"],
            date.fromisoformat(envelope["occurred_at"][:10]),
            envelope["event"],
            str(envelope["data"].get("type") or ""),
        )
        for envelope in envelopes
    )


def totals_of(counts: Mapping[Activity, int]) -> dict[str, int]:
    """By event, over all days."""
    totals: Counter[str] = Counter()
    for activity, count in counts.items():
        totals[activity.event] += count
    return dict(sorted(totals.items()))


def series_of(counts: Mapping[Activity, int]) -> list[dict[str, Any]]:
    """By day and event, oldest first."""
    series: Counter[tuple[date, str]] = Counter()
    for activity, count in counts.items():
        series[activity.day, activity.event] += count
    return [
        {"date": day.isoformat(), "event": event, "count": count}
        for (day, event), count in sorted(series.items())
    ]
