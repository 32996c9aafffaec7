"""Routes of svc_auth: links by e-mail."""

from flask import Blueprint, Response

from gateway_flask.auth import public, signed_in
from gateway_flask.bus import call, within
from gateway_flask.inputs import body
from gateway_flask.limits import limited
from gateway_flask.responses import accepted, no_content

__all__ = ["challenges"]

challenges = Blueprint("challenges", __name__)


@challenges.post("/v1/auth/password-reset")
@public
@limited("reset")
def request_password_reset() -> Response:
    """See ``AuthService.request_password_reset``."""
    return accepted(call("auth", "request_password_reset", payload=body()))


@challenges.post("/v1/auth/password-reset/confirm")
@public
@limited("login")
@within(10)
def confirm_password_reset() -> Response:
    """See ``AuthService.confirm_password_reset``."""
    return no_content(call("auth", "confirm_password_reset", payload=body()))


@challenges.post("/v1/auth/verify-email")
@public
@limited("login")
def verify_email() -> Response:
    """See ``AuthService.verify_email``."""
    return no_content(call("auth", "verify_email", payload=body()))


@challenges.post("/v1/me/email-verification")
@signed_in
@limited("login")
def request_email_verification() -> Response:
    """See ``AuthService.request_email_verification``."""
    return accepted(call("auth", "request_email_verification"))


@challenges.post("/v1/me/email")
@signed_in
@limited("login")
@within(10)
def request_email_change() -> Response:
    """See ``AuthService.request_email_change``."""
    return accepted(call("auth", "request_email_change", payload=body()))
