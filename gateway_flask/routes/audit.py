"""Route of svc_auth: who did what about security."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import query, reads_query
from gateway_flask.responses import answer

__all__ = ["audit"]

audit = Blueprint("audit", __name__)


@audit.get("/v1/audit-log")
@requires("audit-log:read")
@reads_query
def list_audit_log() -> Response:
    """See ``AuthService.list_audit_log``."""
    return answer(call("auth", "list_audit_log", query=query()))
