"""Routes of svc_analytics: what the events add up to."""

from flask import Blueprint, Response

from gateway_flask.auth import requires, signed_in
from gateway_flask.bus import call
from gateway_flask.inputs import query, reads_query
from gateway_flask.processed import event_fed
from gateway_flask.responses import answer

__all__ = ["analytics"]

analytics = Blueprint("analytics", __name__)


@analytics.get("/v1/analytics/activity")
@requires("analytics:read")
@event_fed
@reads_query
def get_activity() -> Response:
    """See ``AnalyticsService.get_activity``."""
    return answer(call("analytics", "get_activity", query=query()))


@analytics.get("/v1/events")
@signed_in
@event_fed
@reads_query
def list_events() -> Response:
    """See ``AnalyticsService.list_events``."""
    return answer(call("analytics", "list_events", query=query()))
