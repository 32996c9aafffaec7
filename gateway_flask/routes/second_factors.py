"""Routes of svc_auth: what is asked for at login besides the password."""

from flask import Blueprint, Response

from gateway_flask.auth import signed_in
from gateway_flask.bus import call, within
from gateway_flask.inputs import body
from gateway_flask.limits import limited
from gateway_flask.responses import answer, no_content

__all__ = ["second_factors"]

second_factors = Blueprint("second_factors", __name__, url_prefix="/v1/auth/mfa")


@second_factors.get("")
@signed_in
def get_second_factor() -> Response:
    """See ``AuthService.get_second_factor``."""
    return answer(call("auth", "get_second_factor"))


@second_factors.post("/totp")
@signed_in
@limited("login")
@within(10)
def begin_totp() -> Response:
    """See ``AuthService.begin_totp``."""
    return answer(call("auth", "begin_totp", payload=body()))


@second_factors.post("/totp/confirm")
@signed_in
@limited("login")
def confirm_totp() -> Response:
    """See ``AuthService.confirm_totp``."""
    return answer(call("auth", "confirm_totp", payload=body()))


@second_factors.post("/totp/remove")
@signed_in
@limited("login")
@within(10)
def remove_totp() -> Response:
    """See ``AuthService.remove_totp``."""
    return no_content(call("auth", "remove_totp", payload=body()))


@second_factors.post("/recovery-codes")
@signed_in
@limited("login")
@within(10)
def replace_recovery_codes() -> Response:
    """See ``AuthService.replace_recovery_codes``."""
    return answer(call("auth", "replace_recovery_codes", payload=body()))
