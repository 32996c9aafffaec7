"""Routes of svc_auth: roles and permissions."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import query, reads_query
from gateway_flask.resources import add_resource
from gateway_flask.responses import answer

__all__ = ["roles"]

roles = Blueprint("roles", __name__)

add_resource(roles, "auth", "role", "roles", has_batch=False)


@roles.get("/v1/authz/explain")
@requires("users:read")
@reads_query
def explain_access() -> Response:
    """See ``AuthService.explain_access``."""
    return answer(call("auth", "explain_access", query=query()))


@roles.get("/v1/permissions")
@requires("roles:read")
def get_permissions() -> Response:
    """What can be permitted; see ``AuthService.get_permissions``."""
    return answer(call("auth", "get_permissions"))
