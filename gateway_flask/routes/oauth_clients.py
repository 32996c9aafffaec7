"""Routes of applications (OAuth 2.0 clients)."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import body, if_match, query, reads_query
from gateway_flask.responses import answer, created, no_content

__all__ = ["oauth_clients"]

oauth_clients = Blueprint("oauth_clients", __name__)


@oauth_clients.post("/v1/oauth-clients")
@requires("oauth-clients:write")
def create_oauth_client() -> Response:
    """Register an application; see ``AuthService.create_oauth_client``."""
    return created(call("auth", "create_oauth_client", payload=body()))


@oauth_clients.get("/v1/oauth-clients")
@requires("oauth-clients:read")
@reads_query
def list_oauth_clients() -> Response:
    """Applications; see ``AuthService.list_oauth_clients``."""
    return answer(call("auth", "list_oauth_clients", query=query()))


@oauth_clients.get("/v1/oauth-clients/<id:oauth_client_id>")
@requires("oauth-clients:read")
def get_oauth_client(oauth_client_id: str) -> Response:
    """One application; see ``AuthService.get_oauth_client``."""
    return answer(call("auth", "get_oauth_client", oauth_client_id=oauth_client_id))


@oauth_clients.patch("/v1/oauth-clients/<id:oauth_client_id>")
@requires("oauth-clients:write")
def update_oauth_client(oauth_client_id: str) -> Response:
    """Change an application; see ``AuthService.update_oauth_client``."""
    return answer(
        call(
            "auth",
            "update_oauth_client",
            oauth_client_id=oauth_client_id,
            payload=body(),
            expected_version=if_match(),
        )
    )


@oauth_clients.delete("/v1/oauth-clients/<id:oauth_client_id>")
@requires("oauth-clients:write")
def archive_oauth_client(oauth_client_id: str) -> Response:
    """Let an application in no more; see ``AuthService.archive_oauth_client``."""
    return no_content(
        call(
            "auth",
            "archive_oauth_client",
            oauth_client_id=oauth_client_id,
            expected_version=if_match(),
        )
    )


@oauth_clients.post("/v1/oauth-clients/<id:oauth_client_id>/rotate-secret")
@requires("oauth-clients:write")
def rotate_oauth_client_secret(oauth_client_id: str) -> Response:
    """Give it another secret; see ``AuthService.rotate_oauth_client_secret``."""
    return answer(
        call(
            "auth",
            "rotate_oauth_client_secret",
            oauth_client_id=oauth_client_id,
            expected_version=if_match(),
        )
    )
