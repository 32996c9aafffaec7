"""Routes of svc_auth: one's own sessions and password."""

from flask import Blueprint, Response

from gateway_flask.auth import signed_in
from gateway_flask.bus import call, within
from gateway_flask.inputs import body
from gateway_flask.limits import limited
from gateway_flask.responses import answer, no_content

__all__ = ["sessions"]

sessions = Blueprint("sessions", __name__)


@sessions.get("/v1/sessions")
@signed_in
def list_sessions() -> Response:
    """See ``AuthService.list_sessions``."""
    return answer(call("auth", "list_sessions"))


@sessions.delete("/v1/sessions")
@signed_in
def revoke_other_sessions() -> Response:
    """See ``AuthService.revoke_other_sessions``."""
    return no_content(call("auth", "revoke_other_sessions"))


@sessions.delete("/v1/sessions/<id:session_id>")
@signed_in
def revoke_session(session_id: str) -> Response:
    """See ``AuthService.revoke_session``."""
    return no_content(call("auth", "revoke_session", session_id=session_id))


@sessions.post("/v1/me/password")
@signed_in
@limited("login")
@within(10)
def change_password() -> Response:
    """See ``AuthService.change_password``."""
    return no_content(call("auth", "change_password", payload=body()))
