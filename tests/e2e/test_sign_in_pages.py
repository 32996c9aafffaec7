"""The pages on which people sign in and let applications in."""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from applications import REDIRECT
from browsers import Browser
from looking import CHROMIUM, check_looks
from pymongo import MongoClient

pytestmark = pytest.mark.e2e


@pytest.fixture
def stranger(provider):
    """A browser that nobody has signed in with."""
    return Browser(provider["issuer"])


@pytest.fixture
def signed_in(app):
    address, _ = app.ask()
    app.arrive(address)
    return app.browser


@pytest.fixture
def open_account_page(stranger, status):
    """The text of a page to which a link in a message leads."""

    def open_(name):
        stranger.go(f"{status['gateway']}/account/{OF_ACCOUNTS[name]}?token=x")
        if name == "failed link":
            stranger.submit()
        return stranger.page.text

    return open_


@pytest.fixture
def open_sign_in_page(app, stranger, newcomer):
    """The text of the sign-in page, or of what it leads to."""

    def open_(name):
        address, _ = app.ask()
        stranger.go(address)
        if name == "failed sign-in":
            nobody = f"{uuid.uuid4().hex}@example.test"
            stranger.submit(email=nobody, password="wrong")  # noqa: S106
        if name == "no member":
            stranger.submit(**newcomer().credentials)
        return stranger.page.text

    return open_


@pytest.fixture
def page(app, signed_in, stranger, open_account_page, open_sign_in_page):
    """The text of each page, by its name."""

    def open_(name):
        if name in OF_ACCOUNTS:
            return open_account_page(name)
        if name in OF_DEVICES:
            codes = app.begin_device()
            address = f"{codes['verification_uri']}{OF_DEVICES[name]}"
            return signed_in.go(address.format_map(codes)).page.text
        if name == "consent":
            return signed_in.page.text
        if name == "refused":
            address, _ = app.ask(redirect_uri="https://evil.example/")
            return stranger.go(address).page.text
        return open_sign_in_page(name)

    return open_


OF_ACCOUNTS = {
    "forgotten password": "forgot-password",
    "new password": "new-password",
    "own address": "verify-email",
    "failed link": "verify-email",
    "void invitation": "invitation",
}
OF_DEVICES = {
    "device": "",
    "wrong device": "?user_code=BBBB-BBBB",
    "device consent": "?user_code={user_code}",
}
PAGES = {
    "device": "The code that the device shows",
    "wrong device": "This code is not good",
    "device consent": "Does a device in front of you show",
    "void invitation": "This link is not good any more",
    "forgotten password": "A link to set a new one is sent",
    "new password": "At least eight characters",
    "own address": "This address is mine",
    "failed link": "This link is not good any more",
    "sign-in": "Sign in",
    "failed sign-in": "Address or password is wrong.",
    "no member": "You are not a member",
    "consent": "asks to act for you",
    "refused": "redirect_uri_mismatch",
}


class TestPages:
    @pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
    @pytest.mark.parametrize("colors", ["light", "dark"])
    @pytest.mark.parametrize("name", PAGES)
    def test_can_be_used_by_everybody(self, page, tmp_path, name, colors):
        text = page(name)
        assert PAGES[name] in text

        check_looks(text, tmp_path, colors)

    @pytest.mark.parametrize("name", PAGES)
    def test_hold_no_script(self, page, name):
        text = page(name)

        assert "<script" not in text.lower()
        assert not re.search(r"\son\w+=|javascript:|style=", text)

    def test_let_nothing_in_and_are_framed_by_nobody(self, signed_in):
        headers = signed_in.page.headers
        policy = dict(
            each.strip().partition(" ")[::2]
            for each in headers["Content-Security-Policy"].split(";")
        )

        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self' http://127.0.0.1:9"
        assert "script-src" not in policy
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"

    def test_show_names_as_they_are(self, register, app):
        name = '<b onclick=x>"&amp;</b>'
        app.client = register(name=name)
        app.session.client_id = app.client["client_id"]
        address, _ = app.ask()
        app.arrive(address)

        assert name not in app.browser.page.text
        assert "&lt;b onclick=x&gt;" in app.browser.page.text


class TestCookie:
    def test_is_kept_from_scripts_and_other_sites(self, stranger, app):
        address, _ = app.ask()
        cookie = stranger.go(address).page.headers["Set-Cookie"]

        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))

    def test_is_another_one_once_somebody_has_signed_in(self, stranger, app):
        address, _ = app.ask()
        stranger.go(address)
        before = stranger.session.cookies["rapport"]
        stranger.submit(**app.credentials)

        assert stranger.session.cookies["rapport"] != before
        fixed = Browser(app.provider["issuer"])
        fixed.session.cookies.set("rapport", before)
        assert "Password" in fixed.go(address).page.text

    def test_names_nobody_that_it_was_not_made_for(self, stranger, app):
        address, _ = app.ask()
        stranger.session.cookies.set("rapport", "x" * 43)

        assert "Password" in stranger.go(address).page.text


class TestLogin:
    def test_that_ended_lets_nobody_in(self, signed_in, status):
        cookie = signed_in.session.cookies["rapport"]
        with MongoClient(status["mongo_uri"]) as client:
            database = client["rapport_auth"]
            login = database["browser_logins"].find_one(
                {"_id": hashlib.sha256(cookie.encode()).hexdigest()}
            )
            database["sessions"].update_one(
                {"_id": login["session_id"]},
                {"$set": {"revoked_at": datetime.now(tz=UTC)}},
            )
        signed_in.submit(decision="allow")

        assert signed_in.left_for is None
        assert "Password" in signed_in.page.text


class TestForms:
    @pytest.mark.parametrize(
        "typed",
        [
            {"token": "0" * 64},
            {"token": ""},
            {"return_to": "https://evil.example/"},
            {"client_name": "Your bank"},
        ],
    )
    def test_are_good_only_as_they_were_shown(self, signed_in, typed):
        signed_in.submit(decision="allow", **typed)

        assert signed_in.left_for is None
        assert signed_in.page.status_code == 403
        assert "form_outdated" in signed_in.page.text
        assert "evil.example" not in str(signed_in.page.headers)

    def test_are_good_only_for_the_request_they_were_shown_for(self, signed_in):
        action, fields = signed_in.form()
        other = action.replace("contacts%3Aread", "contacts%3Aread+email")
        assert other != action
        signed_in.go(other, {**fields, "decision": "allow"})

        assert signed_in.page.status_code == 403

    def test_are_good_only_in_the_browser_they_were_shown_in(self, signed_in, stranger):
        action, fields = signed_in.form()

        assert stranger.go(action, {**fields, "decision": "allow"}).left_for is None
        assert stranger.page.status_code == 403

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_are_not_sent_from_other_sites(self, signed_in, site):
        signed_in.session.headers["Sec-Fetch-Site"] = site
        try:
            signed_in.submit(decision="allow")
        finally:
            del signed_in.session.headers["Sec-Fetch-Site"]

        assert signed_in.left_for is None
        assert signed_in.page.status_code == 403

    def test_of_sign_in_are_limited_like_any_login(self, stranger, app):
        address, _ = app.ask()
        stranger.go(address)
        email = f"{uuid.uuid4().hex}@example.test"
        statuses = []
        while 429 not in statuses and len(statuses) < 20:
            stranger.submit(email=email, password="x")  # noqa: S106
            statuses.append(stranger.page.status_code)

        assert statuses[0] == 403
        assert statuses[-1] == 429
        assert "Retry-After" in stranger.page.headers

    def test_are_taken_by_post_to_the_first_page_too(self, stranger, app):
        address, _ = app.ask()
        parts = urlsplit(address)
        stranger.go(address.partition("?")[0], parts.query)
        assert stranger.page.status_code == 400
        stranger.session.headers["Content-Type"] = "application/x-www-form-urlencoded"
        stranger.go(address.partition("?")[0], parts.query)

        assert "Password" in stranger.page.text
        assert REDIRECT.split("/")[2] in stranger.page.text
