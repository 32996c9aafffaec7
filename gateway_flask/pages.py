"""Pages for people: signing in, and letting an application in.

Plain HTML without any script. A form is good only together with the cookie that
its page came with, and only for the request that it was made for.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, current_app, g, render_template, request

from chassis.errors import ForbiddenError, UnauthenticatedError, WireError
from gateway_flask.context import is_secure
from gateway_flask.errors import problem_of
from gateway_flask.forms import form
from svc_auth.schemas.sessions import LoginInput

__all__ = [
    "DEVICE_WAY",
    "checked_form",
    "cookie",
    "policy",
    "return_to_authorization",
    "see_other",
    "show",
    "show_again",
    "show_problem",
    "show_problem_on",
    "style",
    "typed_in",
]

_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGNED: Final = ("client_name", "return_to")
_TYPED: Final = ("email", "password", "otp")
_WAY: Final = "/oauth/authorize"
DEVICE_WAY: Final = "/oauth/device"
_SIGN_IN: Final = {_WAY: "/oauth/sign-in", DEVICE_WAY: f"{DEVICE_WAY}/sign-in"}
_AGAIN: Final = frozenset({"login", "select_account"})


def cookie() -> str:
    """What names this browser; empty if it is here for the first time."""
    value = request.cookies.get(_cookie_name(), "")
    return value if _COOKIE.fullmatch(value) else ""


def show(page: str, facts: Mapping[str, Any], status: int = 200) -> Response:
    """A page, and the cookie that goes with its form."""
    browser = cookie() or secrets.token_urlsafe(32)
    facts = {"client_name": "", "return_to": "", **facts}
    text = render_template(
        f"{page}.html",
        style=style(),
        query=_query(),
        way=_way(),
        sign_in=_SIGN_IN[_way()],
        token=_token(browser, page, facts),
        request_id=g.request_id,
        has_otp="otp" in LoginInput().fields,
        **facts,
    )
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy(facts["return_to"])
    response.headers["X-Frame-Options"] = "DENY"
    if not cookie() and page != "refused":
        set_cookie(response, browser, None)
    return response


def checked_form(page: str) -> dict[str, str]:
    """The fields of a form that this browser was shown for this very request.

    Raises:
        ForbiddenError: ``form_outdated``.
        InvalidInputError: 400 ``invalid_request``.
    """
    fields = form()
    facts = {name: fields.get(name, "") for name in _SIGNED}
    expected = _token(cookie(), page, facts)
    is_own = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    given = fields.get("token", "").encode()
    if not (cookie() and is_own and hmac.compare_digest(expected.encode(), given)):
        raise ForbiddenError(
            "form_outdated", "This form is not good any more: go back and begin again."
        )
    g.checked_form = fields
    return fields


def typed_in(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed into the form of the sign-in page, as svc_auth takes it."""
    return {name: fields[name] for name in _TYPED if name in fields}


def return_to_authorization(browser: str, lifetime_s: int) -> Response:
    """Go on with the request, signed in; under a new name, so that nobody fixed it."""
    parameters = dict(g.query)
    # Who has just signed in need not do so again.
    prompts = [p for p in parameters.pop("prompt", "").split() if p not in _AGAIN]
    parameters.pop("max_age", None)
    if prompts:
        parameters["prompt"] = " ".join(prompts)
    response = see_other(f"{_way()}?{urlencode(parameters)}")
    set_cookie(response, browser, lifetime_s)
    return response


def see_other(location: str) -> Response:
    """Send the browser elsewhere, without what it sent here (RFC 9700 §4.12)."""
    response = Response(status=303)
    response.headers["Location"] = location
    response.autocorrect_location_header = False
    return response


def show_problem(error: WireError) -> Response:
    """A page instead of a problem document."""
    if error.code == "sign_in_expired":
        return see_other(f"{_way()}?{urlencode(g.query)}")
    if error.code == "user_code_invalid":
        return show_problem_on("device", error)
    fields = g.get("checked_form", {})
    if "email" in fields or "password" in fields:
        facts = {name: fields.get(name, "") for name in (*_SIGNED, "email")}
        return show_problem_on("sign_in", error, **facts)
    return show_problem_on("refused", error, code=error.code)


def show_problem_on(name: str, error: WireError, **facts: Any) -> Response:
    """A page that says what went wrong, in the words of a problem document."""
    problem = problem_of(error)
    # RFC 9110 §11.6.1: 401 names a way to come in, and a form is none of them.
    is_stranger = isinstance(error, UnauthenticatedError)
    status = 403 if is_stranger else problem.status_code
    said = _said(error)
    page = show(name, {**facts, "problem": said}, status)
    if "Retry-After" in problem.headers:
        page.headers["Retry-After"] = problem.headers["Retry-After"]
    return page


def show_again(error: WireError) -> Response:
    """The page that a form was on once more, with what is wrong."""
    return show_problem_on(request.path.rpartition("/")[2].replace("-", "_"), error)


def _said(error: WireError) -> str:
    """The message, or of a form that is not acceptable those of its fields."""
    if error.code != "invalid_input":
        return error.message
    errors = error.extra.get("errors", ())
    return " ".join(each["message"] for each in errors) or error.message


def set_cookie(response: Response, value: str, lifetime_s: int | None) -> None:
    """Name the browser, for as long as it is open or for ``lifetime_s``."""
    response.set_cookie(
        _cookie_name(),
        value,
        max_age=lifetime_s,
        path="/",
        secure=_is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _is_secure() -> bool:
    return is_secure(request, current_app.extensions["settings"].trusted_proxies)


def _cookie_name() -> str:
    return "__Host-rapport" if _is_secure() else "rapport"


def _way() -> str:
    """Where somebody who signs in goes on."""
    is_device = request.path.removesuffix("/sign-in") == DEVICE_WAY
    return DEVICE_WAY if is_device else _WAY


def _query() -> str:
    return urlencode(sorted(g.get("query", {}).items()))


def _token(browser: str, page: str, facts: Mapping[str, Any]) -> str:
    """What only this browser's form for this very request holds."""
    said = [page, _query(), *(str(facts.get(name, "")) for name in _SIGNED)]
    message = "\0".join(said).encode()
    return hmac.new(browser.encode(), message, hashlib.sha256).hexdigest()


@cache
def style() -> str:
    """The style sheet of all pages; it stands in each."""
    return (resources.files("gateway_flask") / "templates" / "page.css").read_text()


@cache
def _style_hash() -> str:
    return b64encode(hashlib.sha256(style().encode()).digest()).decode()


def policy(return_to: str) -> str:
    """The content security policy; a form may lead on to where the answer goes."""
    parts = urlsplit(return_to)
    onward = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; "
        f"form-action 'self'{onward}; base-uri 'none'; frame-ancestors 'none'"
    )
