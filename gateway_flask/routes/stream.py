"""Live changes: ``/v1/stream``, and tickets for browsers that ask for it."""

from flask import Blueprint, Response, current_app, g

from gateway_flask.auth import signed_in
from gateway_flask.inputs import reads_query
from gateway_flask.opening import begin_stream
from gateway_flask.responses import answer
from gateway_flask.tickets import LIFETIME_S, takes_ticket

__all__ = ["stream"]

stream = Blueprint("stream", __name__)


@stream.post("/v1/stream-tickets")
@signed_in
def create_stream_ticket() -> Response:
    """Get a ticket that opens one stream, for the caller, within half a minute.

    Returns:
        A ``StreamTicketView``.

    Raises:
        UnavailableError: ``tickets_unavailable``.
    """
    ticket = current_app.extensions["tickets"].issue(g.token)
    return answer({"ticket": ticket, "expires_in": LIFETIME_S}, 201)


@stream.get("/v1/stream")
@signed_in
@takes_ticket
@reads_query
def open_stream() -> Response:
    """Follow what happens in the organization, from now or from a position on.

    Server-sent events: `id` is the position, `event` the name, and `data` an
    `EventView`. A comment every 15 seconds shows that the line is up. A browser's
    `EventSource` sends no token and gives a ticket instead.

    Args:
        query: A ``StreamQuery``.
        headers: ``StreamHeaders``.

    Returns:
        ``text/event-stream``.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``, ``invalid_query``,
            ``position_unknown``.
        UnauthenticatedError: ``ticket_invalid``.
        ConflictError: ``position_expired``.
        RateLimitedError: ``too_many_streams`` of this principal.
        UnavailableError: ``streams_full``, ``streams_ending``,
            ``streams_unavailable``, ``tickets_unavailable``,
            ``service_unavailable``, ``broker_unavailable``,
            ``database_unavailable``, ``too_busy``.
        DeadlineExceededError: ``deadline_exceeded``.
    """
    return begin_stream()
