"""Counting events: which there are, and pure folds from envelopes to additions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

__all__ = ["EVENTS", "Activity", "count_events", "series_of", "totals_of"]

# Whatever is published by anybody; a test holds it against those who do.
EVENTS: Final = frozenset(
    {
        "auth.challenge_issued",
        "auth.client_refused",
        "auth.email_changed",
        "auth.email_verified",
        "auth.invitation_archived",
        "auth.invitation_created",
        "auth.invitation_updated",
        "auth.login_failed",
        "auth.member_joined",
        "auth.member_left",
        "auth.member_updated",
        "auth.oauth_client_archived",
        "auth.oauth_client_created",
        "auth.oauth_client_updated",
        "auth.org_registered",
        "auth.org_updated",
        "auth.password_changed",
        "auth.recovery_codes_replaced",
        "auth.role_archived",
        "auth.role_created",
        "auth.role_restored",
        "auth.role_updated",
        "auth.second_factor_added",
        "auth.second_factor_removed",
        "auth.session_revoked",
        "auth.session_started",
        "auth.signing_key_added",
        "auth.signing_key_retired",
        "auth.team_archived",
        "auth.team_created",
        "auth.team_restored",
        "auth.team_updated",
        "customer.account_archived",
        "customer.account_created",
        "customer.account_restored",
        "customer.account_updated",
        "customer.contact_archived",
        "customer.contact_created",
        "customer.contact_restored",
        "customer.contact_updated",
        "customer.custom_field_archived",
        "customer.custom_field_created",
        "customer.custom_field_restored",
        "customer.custom_field_updated",
        "customer.interaction_archived",
        "customer.interaction_recorded",
        "customer.interaction_restored",
        "customer.interaction_updated",
        "customer.segment_archived",
        "customer.segment_built",
        "customer.segment_created",
        "customer.segment_entered",
        "customer.segment_left",
        "customer.segment_restored",
        "customer.segment_updated",
        "sales.lead_archived",
        "sales.lead_converted",
        "sales.lead_created",
        "sales.lead_qualified",
        "sales.lead_restored",
        "sales.lead_updated",
        "sales.opportunity_created",
    }
)


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
