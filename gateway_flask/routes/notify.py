"""Routes of svc_notify: what was sent to whom."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import query, reads_query
from gateway_flask.responses import answer

__all__ = ["notify"]

notify = Blueprint("notify", __name__)


@notify.get("/v1/deliveries")
@requires("deliveries:read")
@reads_query
def list_deliveries() -> Response:
    """See ``NotifyService.list_deliveries``."""
    return answer(call("notify", "list_deliveries", query=query()))


@notify.get("/v1/deliveries/<id:delivery_id>")
@requires("deliveries:read")
def get_delivery(delivery_id: str) -> Response:
    """See ``NotifyService.get_delivery``."""
    return answer(call("notify", "get_delivery", delivery_id=delivery_id))
