"""Routes of svc_auth: the members of an organization, and oneself."""

from flask import Blueprint, Response

from gateway_flask.auth import requires, signed_in
from gateway_flask.bus import call
from gateway_flask.inputs import body, if_match, query, reads_query
from gateway_flask.responses import answer, no_content

__all__ = ["people"]

people = Blueprint("people", __name__)


@people.get("/v1/users")
@requires("users:read")
@reads_query
def list_users() -> Response:
    """See ``AuthService.list_users``."""
    return answer(call("auth", "list_users", query=query()))


@people.get("/v1/users/<id:user_id>")
@requires("users:read")
def get_user(user_id: str) -> Response:
    """See ``AuthService.get_user``."""
    return answer(call("auth", "get_user", user_id=user_id))


@people.patch("/v1/users/<id:user_id>")
@requires("users:write")
def update_user(user_id: str) -> Response:
    """See ``AuthService.update_user``."""
    return answer(
        call(
            "auth",
            "update_user",
            user_id=user_id,
            payload=body(),
            expected_version=if_match(),
        )
    )


@people.delete("/v1/users/<id:user_id>")
@requires("users:write")
def deactivate_user(user_id: str) -> Response:
    """See ``AuthService.deactivate_user``."""
    return no_content(
        call("auth", "deactivate_user", user_id=user_id, expected_version=if_match())
    )


@people.post("/v1/users/<id:user_id>/restore")
@requires("users:write")
def restore_user(user_id: str) -> Response:
    """See ``AuthService.restore_user``."""
    return answer(
        call("auth", "restore_user", user_id=user_id, expected_version=if_match())
    )


@people.patch("/v1/me")
@signed_in
def update_me() -> Response:
    """Change one's own name; see ``AuthService.update_me``."""
    return answer(call("auth", "update_me", payload=body()))


@people.get("/v1/me/orgs")
@signed_in
def list_my_orgs() -> Response:
    """See ``AuthService.list_my_orgs``."""
    return answer(call("auth", "list_my_orgs"))


@people.post("/v1/auth/switch-org")
@signed_in
def switch_org() -> Response:
    """See ``AuthService.switch_org``."""
    return answer(call("auth", "switch_org", payload=body()))
