"""The beginning of a stream, in the request that asks for it."""

from typing import Any, Final

from flask import Response, current_app, g, request

from chassis.errors import UnavailableError, bad_request
from gateway_flask.bus import call
from gateway_flask.handover import StreamBody, can_hand_over
from gateway_flask.inputs import query, refuse_parameters
from gateway_flask.seats import Seat
from gateway_flask.stream import Page

__all__ = ["begin_stream"]

_LATEST: Final = "latest"
_MOST_EVENTS: Final = "200"
_OURS: Final = ("after", "types", "ticket")


def begin_stream() -> Response:
    """An answer that goes on when the request is over.

    The log is read first, so that whatever is wrong is told as a problem.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``, ``invalid_query``.
        WireError: What ``StreamHub.reserve`` or ``analytics.list_events`` refuse.
    """
    wanted = _wanted()
    if not can_hand_over(request.environ):
        raise UnavailableError("streams_unavailable", "This server has no streams.")
    seat = Seat(
        caller=g.caller,
        token=g.token,
        types=frozenset(filter(None, wanted.get("types", "").split(","))),
        is_chunked=request.environ["SERVER_PROTOCOL"] == "HTTP/1.1",
        request_id=g.request_id,
    )
    hub = current_app.extensions["streams"]
    # Before the log is read, so that nothing happens unheard in between.
    hub.reserve(seat)
    try:
        page = Page.read(call("analytics", "list_events", query=wanted))
    except BaseException:
        hub.leave(seat)
        raise
    headers = {"X-Accel-Buffering": "no"}
    body: Any = StreamBody(hub, seat, page)
    return Response(body, headers=headers, content_type="text/event-stream")


def _wanted() -> dict[str, str]:
    """The query of the log, whose owner judges its values."""
    refuse_parameters(*_OURS)
    wanted = {"after": _LATEST, "limit": _MOST_EVENTS, **query()}
    wanted.pop("ticket", None)
    seen = request.headers.get("Last-Event-ID", "")
    if seen:
        if not seen.isascii() or not seen.isdigit():
            raise bad_request(
                "invalid_query",
                "Last-Event-ID takes the id of an event of this stream.",
                [{"field": "Last-Event-ID", "code": "invalid_query"}],
            )
        wanted["after"] = seen
    return wanted
