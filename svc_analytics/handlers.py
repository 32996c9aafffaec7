"""The events role of svc_analytics: it listens to everybody."""

from collections.abc import Sequence
from typing import Any

from chassis import inject
from chassis.handling import batch_handler
from chassis.mongo import Repositories
from svc_analytics.repository import ActivityProjection

__all__ = ["AnalyticsEvents"]


class AnalyticsEvents:
    """Keeps the read models up to date."""

    name = "analytics"

    projection: ActivityProjection = inject(Repositories(ActivityProjection))

    @batch_handler(size=200)
    def on_events(self, events: Sequence[dict[str, Any]]) -> None:
        """Count a batch of events, each of them once.

        Idempotent by ``processed_events``, kept for thirty days.
        """
        self.projection.apply(events)
