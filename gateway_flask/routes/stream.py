"""Live changes: ``/v1/stream``, and tickets for browsers that ask for it."""

from flask import Blueprint, Response, current_app, g

from gateway_flask.auth import signed_in
from gateway_flask.inputs import refuse_parameters
from gateway_flask.opening import begin_stream
from gateway_flask.responses import answer
from gateway_flask.tickets import LIFETIME_S, takes_ticket

__all__ = ["stream"]

stream = Blueprint("stream", __name__)


@stream.post("/v1/stream-tickets")
@signed_in
def create_stream_ticket() -> Response:
    """A ticket that opens one stream, for the caller, within half a minute."""
    refuse_parameters()
    ticket = current_app.extensions["tickets"].issue(g.token)
    return answer({"ticket": ticket, "expires_in": LIFETIME_S}, 201)


@stream.get("/v1/stream")
@signed_in
@takes_ticket
def open_stream() -> Response:
    """What happens in the organization from now on, or from a position on."""
    return begin_stream()
