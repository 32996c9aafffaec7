"""The rpc role of svc_analytics."""

from collections import Counter
from typing import Any

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.schemas import load, load_query
from chassis.signing import CurrentContext
from svc_analytics.domain import series_of, totals_of
from svc_analytics.repository import ActivityRepository, FeedRepository
from svc_analytics.schemas import (
    LATEST,
    ActivityQuery,
    ActivityView,
    EventsPageView,
    EventsQuery,
    ProcessedQuery,
)

__all__ = ["AnalyticsService"]


class AnalyticsService:
    """What all the events add up to."""

    name = "analytics"

    context: Context = inject(CurrentContext())
    activity: ActivityRepository = inject(Repositories(ActivityRepository))
    feed: FeedRepository = inject(Repositories(FeedRepository))

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

    @rpc
    def list_events(self, *, query: dict[str, str]) -> dict[str, Any]:
        """What happened in the caller's organization, in the feed's order.

        Shows the events of records that the caller may read. Within one record
        ``sequence`` tells the order; a redelivery may bring two of its events
        into the feed the other way round.

        Args:
            query: An ``EventsQuery``.

        Returns:
            An ``EventsPageView``; it may show fewer events than asked for, or
            none, and go on behind its ``position``.

        Raises:
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``,
                ``position_unknown``.
            ConflictError: ``position_expired``.
        """
        wanted = load_query(EventsQuery(), query)
        after = self.feed.head() if wanted["after"] == LATEST else wanted["after"]
        page = self.feed.after(after, wanted["limit"], wanted["types"])
        place = {"position": page.position, "has_more": page.has_more}
        view: dict[str, Any] = EventsPageView().dump({"data": page.rows, "page": place})
        return view

    @rpc
    def check_processed(self, *, payload: dict[str, Any]) -> dict[str, bool]:
        """Whether what the caller waits for has arrived in what the others answer.

        Args:
            payload: A ``ProcessedQuery``.

        Returns:
            ``{"is_processed"}``.

        Raises:
            InvalidInputError: ``invalid_input``.
        """
        wanted = load(ProcessedQuery(), payload)
        operation = wanted["operation"]
        is_processed = self.feed.has(wanted["events"]) and (
            operation is None
            or self.feed.has_all_of(
                operation["id"], operation["records"], operation["sequences"]
            )
        )
        return {"is_processed": is_processed}
