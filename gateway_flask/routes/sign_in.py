"""Pages on which people sign in and let applications in (OAuth 2.0)."""

from urllib.parse import urlencode

from flask import Blueprint, Response

from chassis.errors import WireError
from gateway_flask.auth import public
from gateway_flask.bus import call, within
from gateway_flask.forms import form
from gateway_flask.inputs import query
from gateway_flask.limits import limited
from gateway_flask.pages import (
    checked_form,
    cookie,
    return_to_authorization,
    see_other,
    show,
    show_problem,
    typed_in,
)

__all__ = ["sign_in"]

sign_in = Blueprint("sign_in", __name__)


@sign_in.get("/oauth/authorize")
@public
def begin_authorization() -> Response:
    """Take an application's request to act for somebody (RFC 6749 §4.1.1).

    Whatever is wrong with it is told to the application, unless that is who asks
    or where the answer goes.

    Args:
        query: An ``AuthorizationQuery``.

    Returns:
        ``text/html``, to sign in or to decide, or 303 back to the application.
    """
    found = call("auth", "begin_authorization", parameters=query(), browser=cookie())
    if found["step"] == "return":
        return see_other(found["location"])
    return show(found["step"], found)


@sign_in.post("/oauth/authorize")
@public
def begin_authorization_by_form() -> Response:
    """Take the same in a form (OpenID Connect Core §3.1.2.1).

    Args:
        form: An ``AuthorizationInput``.

    Returns:
        303 to the same by ``GET``.
    """
    # As a GET, so that the browser sends its cookie along.
    return see_other(f"/oauth/authorize?{urlencode(form())}")


@sign_in.post("/oauth/sign-in")
@public
@limited("login")
@within(10)
def sign_in_browser() -> Response:
    """Take what somebody typed into the sign-in page.

    Args:
        query: An ``AuthorizationQuery``.
        form: A ``SignInInput``.

    Returns:
        303 on to the request.
    """
    payload = typed_in(checked_form("sign_in"))
    found = call("auth", "sign_in_browser", payload=payload)
    return return_to_authorization(found["browser"], found["expires_in"])


@sign_in.post("/oauth/consent")
@public
def decide_authorization() -> Response:
    """Take what somebody decided on the consent page.

    Args:
        query: An ``AuthorizationQuery``.
        form: A ``ConsentInput``.

    Returns:
        303 back to the application, or to sign in once more.
    """
    fields = checked_form("consent")
    found = call(
        "auth",
        "decide_authorization",
        parameters=query(),
        browser=cookie(),
        is_allowed=fields.get("decision") == "allow",
    )
    return see_other(found["location"])


sign_in.register_error_handler(WireError, show_problem)
