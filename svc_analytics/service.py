"""The rpc role of svc_analytics."""

from collections import Counter
from typing import Any

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.schemas import load_query
from chassis.signing import CurrentContext
from svc_analytics.domain import series_of, totals_of
from svc_analytics.repository import ActivityRepository
from svc_analytics.schemas import ActivityQuery, ActivityView

__all__ = ["AnalyticsService"]


class AnalyticsService:
    """What all the events add up to."""

    name = "analytics"

    context: Context = inject(CurrentContext())
    activity: ActivityRepository = inject(Repositories(ActivityRepository))

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}

    @rpc
    def get_activity(self, *, query: dict[str, str]) -> dict[str, Any]:
        """How often which event happened in the caller's organization.

        Follows the events within a second or so; ``lag_ms`` says how long the
        last one took to be counted.

        Needs the ``analytics:read`` permission.

        Args:
            query: An ``ActivityQuery``.

        Returns:
            An ``ActivityView``.

        Raises:
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        self.context.identified_caller.require("analytics:read")
        days = load_query(ActivityQuery(), query)
        counts = self.activity.counts(days["from_on"], days["until_on"])
        computed_at, lag = self.activity.progress()
        interactions: Counter[str] = Counter()
        for activity, count in counts.items():
            if activity.event == "customer.interaction_recorded":
                interactions[activity.kind] += count
        view: dict[str, Any] = ActivityView().dump(
            {
                "totals": totals_of(counts),
                "interactions": dict(sorted(interactions.items())),
                "series": series_of(counts),
                "computed_at": computed_at or self.context.now(),
                "lag_ms": round(lag.total_seconds() * 1_000),
            }
        )
        return view
