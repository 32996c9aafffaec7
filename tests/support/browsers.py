"""A browser without JavaScript, as far as forms and cookies go."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

__all__ = ["Browser", "answer_of"]


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action = None
        self.fields = {}
        self.buttons = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"]
        elif tag == "input":
            self.fields[given["name"]] = given.get("value") or ""
        elif tag == "button" and "name" in given:
            self.buttons.append((given["name"], given["value"]))


class Browser:
    """Goes where it is sent within one place, and stops where it would leave."""

    def __init__(self, home):
        self._home = home
        self.session = requests.Session()
        self.page = None
        self.left_for = None

    def go(self, address, data=None):
        """Open an address; follow redirects as long as they stay here."""
        method = "GET" if data is None else "POST"
        self.left_for = None
        for _ in range(5):
            self.page = self.session.request(
                method, address, data=data, allow_redirects=False, timeout=20
            )
            if self.page.status_code not in {302, 303}:
                return self
            address = urljoin(address, self.page.headers["Location"])
            if urlsplit(address).netloc != urlsplit(self._home).netloc:
                self.left_for = address
                return self
            method, data = "GET", None
        raise AssertionError("sent in circles")

    def form(self):
        """Action and fields of the page's form."""
        parser = _Forms()
        parser.feed(self.page.text)
        return urljoin(self._home, parser.action), parser.fields

    def submit(self, **typed):
        """Send the page's form with what was typed."""
        action, fields = self.form()
        given = {name: text for name, text in {**fields, **typed}.items() if text}
        return self.go(action, given)


def answer_of(address):
    """The parameters that an application is sent back with."""
    return dict(parse_qsl(urlsplit(address).query))
