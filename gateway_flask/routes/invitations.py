"""Routes of svc_auth: invitations."""

from flask import Blueprint, Response

from gateway_flask.auth import public, requires
from gateway_flask.bus import call, within
from gateway_flask.inputs import body, if_match, query, reads_query
from gateway_flask.limits import limited
from gateway_flask.responses import answer, created, no_content

__all__ = ["invitations"]

invitations = Blueprint("invitations", __name__)


@invitations.post("/v1/invitations")
@requires("users:write")
def create_invitation() -> Response:
    """See ``AuthService.create_invitation``."""
    return created(call("auth", "create_invitation", payload=body()))


@invitations.get("/v1/invitations")
@requires("users:read")
@reads_query
def list_invitations() -> Response:
    """See ``AuthService.list_invitations``."""
    return answer(call("auth", "list_invitations", query=query()))


@invitations.get("/v1/invitations/<id:invitation_id>")
@requires("users:read")
def get_invitation(invitation_id: str) -> Response:
    """See ``AuthService.get_invitation``."""
    return answer(call("auth", "get_invitation", invitation_id=invitation_id))


@invitations.delete("/v1/invitations/<id:invitation_id>")
@requires("users:write")
def archive_invitation(invitation_id: str) -> Response:
    """See ``AuthService.archive_invitation``."""
    return no_content(
        call(
            "auth",
            "archive_invitation",
            invitation_id=invitation_id,
            expected_version=if_match(),
        )
    )


@invitations.post("/v1/invitations/<id:invitation_id>/resend")
@requires("users:write")
def resend_invitation(invitation_id: str) -> Response:
    """See ``AuthService.resend_invitation``."""
    return answer(
        call(
            "auth",
            "resend_invitation",
            invitation_id=invitation_id,
            expected_version=if_match(),
        )
    )


@invitations.post("/v1/auth/invitations/preview")
@public
@limited("login")
def preview_invitation() -> Response:
    """See ``AuthService.preview_invitation``."""
    return answer(call("auth", "preview_invitation", payload=body()))


@invitations.post("/v1/auth/invitations/accept")
@public
@limited("login")
@within(10)
def accept_invitation() -> Response:
    """See ``AuthService.accept_invitation``."""
    return answer(call("auth", "accept_invitation", payload=body()))
