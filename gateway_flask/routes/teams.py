"""Routes of svc_auth: teams and who is in them."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.resources import add_resource
from gateway_flask.responses import no_content

__all__ = ["teams"]

teams = Blueprint("teams", __name__)

add_resource(teams, "auth", "team", "teams", has_batch=False)


@teams.put("/v1/teams/<id:team_id>/members/<id:user_id>")
@requires("teams:write")
def add_team_member(team_id: str, user_id: str) -> Response:
    """See ``AuthService.add_team_member``."""
    return no_content(call("auth", "add_team_member", team_id=team_id, user_id=user_id))


@teams.delete("/v1/teams/<id:team_id>/members/<id:user_id>")
@requires("teams:write")
def remove_team_member(team_id: str, user_id: str) -> Response:
    """See ``AuthService.remove_team_member``."""
    return no_content(
        call("auth", "remove_team_member", team_id=team_id, user_id=user_id)
    )
