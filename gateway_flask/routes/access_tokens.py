"""Routes of svc_auth: personal access tokens."""

from flask import Blueprint, Response

from gateway_flask.auth import signed_in
from gateway_flask.bus import call
from gateway_flask.inputs import body
from gateway_flask.responses import answer, created, no_content

__all__ = ["access_tokens"]

access_tokens = Blueprint("access_tokens", __name__)


@access_tokens.post("/v1/access-tokens")
@signed_in
def create_access_token() -> Response:
    """Make a token for a program; see ``AuthService.create_access_token``."""
    return created(
        call("auth", "create_access_token", payload=body()),
        location="/v1/access-tokens",
    )


@access_tokens.get("/v1/access-tokens")
@signed_in
def list_access_tokens() -> Response:
    """One's own tokens; see ``AuthService.list_access_tokens``."""
    return answer(call("auth", "list_access_tokens"))


@access_tokens.delete("/v1/access-tokens/<id:access_token_id>")
@signed_in
def revoke_access_token(access_token_id: str) -> Response:
    """End one of them; see ``AuthService.revoke_access_token``."""
    return no_content(
        call("auth", "revoke_access_token", access_token_id=access_token_id)
    )
