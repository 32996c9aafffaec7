"""What applications ask for tokens by (OAuth 2.0); errors are as RFC 6749 §5.2."""

from flask import Blueprint, Response

from chassis.errors import WireError
from gateway_flask.auth import public, requires
from gateway_flask.bus import call
from gateway_flask.forms import form
from gateway_flask.inputs import body
from gateway_flask.oauth_answers import credentials, refusal_of, unkept
from gateway_flask.policies import standard

__all__ = ["oauth"]

oauth = Blueprint("oauth", __name__)


@oauth.post("/oauth/token")
@public
@standard
def exchange_grant() -> Response:
    """Exchange a code, a refresh token or an application's secret for tokens."""
    return unkept(
        call(
            "auth",
            "exchange_grant",
            form=form(),
            authorization=credentials(),
        )
    )


@oauth.post("/oauth/revoke")
@public
@standard
def revoke_grant() -> Response:
    """End what a token belongs to (RFC 7009)."""
    call(
        "auth",
        "revoke_grant",
        form=form(),
        authorization=credentials(),
    )
    return Response(status=200)


@oauth.post("/oauth/introspect")
@public
@standard
def introspect_grant() -> Response:
    """What one of the application's own tokens is good for (RFC 7662)."""
    return unkept(
        call(
            "auth",
            "introspect_grant",
            form=form(),
            authorization=credentials(),
        )
    )


@oauth.post("/oauth/register")
@requires("oauth-clients:write")
@standard
def register_oauth_client() -> Response:
    """Register an application (RFC 7591), with an administrator's token."""
    response = unkept(call("auth", "register_oauth_client", payload=body()))
    response.status_code = 201
    return response


oauth.register_error_handler(WireError, refusal_of)
