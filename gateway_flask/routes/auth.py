"""Routes of svc_auth: registration, login, tokens, the caller and its org."""

from flask import Blueprint, Response, current_app

from gateway_flask.auth import public, requires, signed_in
from gateway_flask.bus import call, within
from gateway_flask.inputs import body, if_match
from gateway_flask.limits import limited
from gateway_flask.responses import answer, created, no_content

__all__ = ["auth"]

auth = Blueprint("auth", __name__)

_JWKS_LIFETIME_S = 60


@auth.post("/v1/auth/register-org")
@public
@limited("register")
@within(10)
def register_org() -> Response:
    """Make an organization and its owner; see ``AuthService.register_org``."""
    return created(
        call(
            "auth",
            "register_org",
            payload=body(),
        ),
        location="/v1/orgs/current",
    )


@auth.post("/v1/auth/login")
@public
@limited("login")
@within(10)
def login() -> Response:
    """Exchange a password for tokens; see ``AuthService.login``."""
    return answer(
        call(
            "auth",
            "login",
            payload=body(),
        )
    )


@auth.post("/v1/auth/refresh")
@public
def refresh_session() -> Response:
    """Exchange a refresh token; see ``AuthService.refresh_session``."""
    return answer(call("auth", "refresh_session", payload=body()))


@auth.post("/v1/auth/logout")
@public
def logout() -> Response:
    """End a session; see ``AuthService.logout``."""
    return no_content(call("auth", "logout", payload=body()))


@auth.get("/v1/me")
@signed_in
def get_me() -> Response:
    """Who the caller is; see ``AuthService.get_me``."""
    return answer(call("auth", "get_me"))


@auth.get("/v1/orgs/current")
@requires("org:read")
def get_current_org() -> Response:
    """The caller's organization; see ``AuthService.get_current_org``."""
    return answer(call("auth", "get_current_org"))


@auth.patch("/v1/orgs/current")
@requires("org:write")
def update_org() -> Response:
    """See ``AuthService.update_org``."""
    return answer(
        call("auth", "update_org", payload=body(), expected_version=if_match())
    )


@auth.post("/v1/orgs/current/transfer")
@signed_in
@limited("login")
@within(10)
def transfer_org() -> Response:
    """See ``AuthService.transfer_org``."""
    return answer(call("auth", "transfer_org", payload=body()))


@auth.get("/.well-known/jwks.json")
@public
def get_jwks() -> Response:
    """The keys that verify access tokens.

    A new one is here a minute before it signs.

    Returns:
        A ``JwksView``.
    """
    trust = current_app.extensions["verifier"].trust
    response = answer(trust.public_keys())
    response.headers["Cache-Control"] = f"public, max-age={_JWKS_LIFETIME_S}"
    return response
