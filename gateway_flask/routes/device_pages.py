"""Pages on which people let devices in that have no browser (RFC 8628)."""

from flask import Blueprint, Response

from chassis.errors import WireError
from gateway_flask.auth import public
from gateway_flask.bus import call, within
from gateway_flask.inputs import query
from gateway_flask.limits import limited
from gateway_flask.pages import (
    DEVICE_WAY,
    checked_form,
    cookie,
    return_to_authorization,
    show,
    show_problem,
    typed_in,
)

__all__ = ["device_pages"]

device_pages = Blueprint("device_pages", __name__, url_prefix=DEVICE_WAY)


@device_pages.get("")
@public
@limited("login")
def begin_device_verification() -> Response:
    """The page on which one types what a device shows, and then decides.

    Args:
        query: A ``DeviceQuery``.

    Returns:
        ``text/html``.
    """
    parameters = query()
    found = call(
        "auth", "begin_device_verification", parameters=parameters, browser=cookie()
    )
    return show(found["step"], found)


@device_pages.post("/sign-in")
@public
@limited("login")
@within(10)
def sign_in_browser() -> Response:
    """Take what somebody typed into the sign-in page.

    Args:
        query: A ``DeviceQuery``.
        form: A ``SignInInput``.

    Returns:
        303 on to the device.
    """
    payload = typed_in(checked_form("sign_in"))
    found = call("auth", "sign_in_browser", payload=payload)
    return return_to_authorization(found["browser"], found["expires_in"])


@device_pages.post("")
@public
@limited("login")
def decide_device() -> Response:
    """Take what somebody decided about a device.

    Args:
        query: A ``DeviceQuery``.
        form: A ``ConsentInput``.

    Returns:
        ``text/html``, or 303 to sign in once more.
    """
    fields = checked_form("device_consent")
    is_allowed = fields.get("decision") == "allow"
    found = call(
        "auth",
        "decide_device",
        parameters=query(),
        browser=cookie(),
        is_allowed=is_allowed,
    )
    outcome = "is let in: go back to it" if is_allowed else "is not let in"
    return show("done", {"said": f"{found['client_name']} {outcome}."})


device_pages.register_error_handler(WireError, show_problem)
