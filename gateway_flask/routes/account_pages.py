"""Pages to which the links in messages lead; looking at one changes nothing."""

from flask import Blueprint, Response

from chassis.errors import WireError
from gateway_flask.auth import public
from gateway_flask.bus import call, within
from gateway_flask.inputs import query
from gateway_flask.limits import limited
from gateway_flask.pages import checked_form, show, show_again

__all__ = ["account_pages"]

account_pages = Blueprint("account_pages", __name__, url_prefix="/account")


@account_pages.get("/forgot-password")
@public
def show_forgot_password() -> Response:
    """The page on which one asks for a link.

    Returns:
        ``text/html``.
    """
    return show("forgot_password", {})


@account_pages.post("/forgot-password")
@public
@limited("reset")
def request_password_reset() -> Response:
    """Take the address that was typed into it.

    Args:
        form: A ``ForgottenPasswordInput``.

    Returns:
        ``text/html``.
    """
    email = checked_form("forgot_password").get("email", "")
    call("auth", "request_password_reset", payload={"email": email})
    said = "If somebody is registered with that address, a message is on its way."
    return show("done", {"said": said})


@account_pages.get("/new-password")
@public
def show_new_password() -> Response:
    """The page to which the link for a new password leads.

    Args:
        query: A ``LinkQuery``.

    Returns:
        ``text/html``.
    """
    return show("new_password", {})


@account_pages.post("/new-password")
@public
@limited("login")
@within(10)
def confirm_password_reset() -> Response:
    """Take the password that was typed into it.

    Args:
        query: A ``LinkQuery``.
        form: A ``NewPasswordInput``.

    Returns:
        ``text/html``.
    """
    password = checked_form("new_password").get("password", "")
    payload = {"token": query().get("token", ""), "password": password}
    call("auth", "confirm_password_reset", payload=payload)
    return show("done", {"said": "Your new password is set. Log in with it."})


@account_pages.get("/verify-email")
@public
def show_verify_email() -> Response:
    """The page to which the link in a message leads; looking changes nothing.

    Args:
        query: A ``LinkQuery``.

    Returns:
        ``text/html``.
    """
    return show("verify_email", {})


@account_pages.post("/verify-email")
@public
@limited("login")
def verify_email() -> Response:
    """Take the confirmation.

    Args:
        query: A ``LinkQuery``.
        form: A ``PageInput``.

    Returns:
        ``text/html``.
    """
    checked_form("verify_email")
    call("auth", "verify_email", payload={"token": query().get("token", "")})
    return show("done", {"said": "Thank you: this e-mail address is yours."})


@account_pages.get("/invitation")
@public
@limited("login")
def preview_invitation() -> Response:
    """The page to which the link in an invitation leads.

    Args:
        query: A ``LinkQuery``.

    Returns:
        ``text/html``.
    """
    payload = {"token": query().get("token", "")}
    invited = call("auth", "preview_invitation", payload=payload)
    return show("invitation", {"invited": invited})


@account_pages.post("/invitation")
@public
@limited("login")
@within(10)
def accept_invitation() -> Response:
    """Take what was typed into it.

    Args:
        query: A ``LinkQuery``.
        form: An ``AcceptanceInput``.

    Returns:
        ``text/html``.
    """
    fields = checked_form("invitation")
    link = {"token": query().get("token", "")}
    given = {name: fields[name] for name in ("name", "password") if name in fields}
    done = call("auth", "accept_invitation", payload={**link, **given})
    said = f"You are a member of {done['org_name']}. Log in as {done['email']}."
    return show("done", {"said": said})


account_pages.register_error_handler(WireError, show_again)
