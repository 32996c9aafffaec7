"""The events role of svc_analytics: it listens to everybody."""

from collections.abc import Sequence
from typing import Any

from chassis import inject
from chassis.broadcasting import Broadcast, Broadcaster
from chassis.handling import batch_handler
from chassis.mongo import Repositories
from chassis.topology import ORG_FEED_EXCHANGE
from svc_analytics.repository import ActivityProjection
from svc_analytics.schemas import feed_news

__all__ = ["AnalyticsEvents"]


class AnalyticsEvents:
    """Keeps the read models up to date."""

    name = "analytics"

    projection: ActivityProjection = inject(Repositories(ActivityProjection))
    news: Broadcaster = inject(Broadcast(ORG_FEED_EXCHANGE))

    @batch_handler(size=200)
    def on_events(self, events: Sequence[dict[str, Any]]) -> None:
        """Count a batch of events, each of them once, and tell their positions.

        Idempotent by ``processed_events``, kept for thirty days. Positions are
        told again when an event comes again, as it may have come because the
        first attempt died before it told them.
        """
        rows = self.projection.apply(events)
        self.news.send(feed_news(rows))
