"""What applications ask for tokens by (OAuth 2.0); errors are as RFC 6749 §5.2."""

from flask import Blueprint, Response

from chassis.errors import WireError
from gateway_flask.auth import public, requires, signed_in
from gateway_flask.bus import call
from gateway_flask.forms import form
from gateway_flask.inputs import body
from gateway_flask.oauth_answers import credentials, done, refusal_of, unkept
from gateway_flask.responses import answer

__all__ = ["oauth"]

oauth = Blueprint("oauth", __name__)

_METADATA_LIFETIME_S = 300


@oauth.post("/oauth/token")
@public
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


@oauth.post("/oauth/device_authorization")
@public
def begin_device_authorization() -> Response:
    """Let a device without a browser begin (RFC 8628)."""
    return unkept(
        call(
            "auth",
            "begin_device_authorization",
            form=form(),
            authorization=credentials(),
        )
    )


@oauth.post("/oauth/revoke")
@public
def revoke_grant() -> Response:
    """End what a token belongs to (RFC 7009)."""
    return done(
        call(
            "auth",
            "revoke_grant",
            form=form(),
            authorization=credentials(),
        )
    )


@oauth.post("/oauth/introspect")
@public
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
def register_oauth_client() -> Response:
    """Register an application (RFC 7591), with an administrator's token."""
    return unkept(call("auth", "register_oauth_client", payload=body()), 201)


@oauth.get("/.well-known/openid-configuration")
@oauth.get("/.well-known/oauth-authorization-server")
@public
def get_provider() -> Response:
    """What this provider can do, and where (RFC 8414, OpenID Discovery)."""
    response = answer(call("auth", "get_provider"))
    response.headers["Cache-Control"] = f"public, max-age={_METADATA_LIFETIME_S}"
    return response


@oauth.route("/oauth/userinfo", methods=["GET", "POST"])
@signed_in
def get_userinfo() -> Response:
    """Who the person is that an application acts for (OpenID Connect §5.3)."""
    return answer(call("auth", "get_userinfo"))


oauth.register_error_handler(WireError, refusal_of)
