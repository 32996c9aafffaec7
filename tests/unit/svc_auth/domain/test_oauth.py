from datetime import UTC, datetime

import pytest

from svc_auth.domain.oauth import (
    SCOPES,
    is_redirect_uri,
    is_registered,
    new_oauth_client,
    with_parameters,
)
from svc_auth.domain.roles import PERMISSIONS


class TestScopes:
    def test_hold_nothing_that_makes_or_widens_rights(self):
        forbidden = {"oauth-clients:write", "org:write", "roles:write", "users:write"}

        assert not forbidden & SCOPES.keys()

    def test_are_permissions_otherwise(self):
        named = {
            f"{resource}:{action}"
            for resource, actions in PERMISSIONS.items()
            for action in actions
        }
        identity = {"openid", "profile", "email", "offline_access"}

        assert SCOPES.keys() - identity <= named


class TestApplication:
    @pytest.mark.parametrize(
        ("change", "is_less"),
        [
            ({"name": "Other", "redirect_uris": ()}, False),
            ({"scope": ("openid", "email", "contacts:read")}, False),
            ({"scope": ("openid",)}, True),
            ({"scope": ("openid", "contacts:read")}, True),
            ({"grant_types": ("refresh_token",)}, True),
        ],
    )
    def test_may_less_once_it_has_lost_something(self, change, is_less):
        data = {
            "name": "Merge",
            "redirect_uris": ("https://merge.example/",),
            "grant_types": ("authorization_code", "refresh_token"),
            "scope": ("openid", "email"),
            "token_endpoint_auth_method": "client_secret_basic",
        }
        now = datetime.now(tz=UTC)
        client = new_oauth_client("1", data, "me", now)

        assert client.changed(change, now).may_less_than(client) is is_less


class TestRedirectUri:
    @pytest.mark.parametrize(
        "uri",
        [
            "https://a.example/callback",
            "https://a.example:8443/callback?kind=oauth",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8123/",
            "http://[::1]:8123/",
        ],
    )
    def test_may_be_safe(self, uri):
        assert is_redirect_uri(uri)

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "callback",
            "//a.example/callback",
            "http://a.example/callback",
            "http://localhost/callback",
            "https:///callback",
            "https://a.example/#part",
            "https://*.example/",
            "https://a:b@a.example/",
            "https://a.example\\@b.example/",
            "https://a.example/\tb",
            "https://ä.example/",
            "https://a.example:port/",
            "https://a.example;script-src/",
            "https://a.example,b.example/",
            "https://%61.example/",
            "https://[::1/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://a.example/" + "b" * 2_000,
        ],
    )
    def test_may_not_be_anything_else(self, uri):
        assert not is_redirect_uri(uri)


class TestRegistered:
    @pytest.mark.parametrize(
        ("uri", "registered"),
        [
            ("https://a.example/b", "https://a.example/b"),
            ("http://127.0.0.1:5/b", "http://127.0.0.1/b"),
            ("http://[::1]:5/b", "http://[::1]:9/b"),
        ],
    )
    def test_is_what_is_the_same(self, uri, registered):
        assert is_registered(uri, [registered])

    @pytest.mark.parametrize(
        ("uri", "registered"),
        [
            ("https://a.example/b/", "https://a.example/b"),
            ("https://a.example/B", "https://a.example/b"),
            ("https://A.example/b", "https://a.example/b"),
            ("https://a.example:443/b", "https://a.example/b"),
            ("https://a.example:5/b", "https://a.example/b"),
            ("https://a.example/b?c=d", "https://a.example/b"),
            ("https://a.example/%62", "https://a.example/b"),
            ("http://127.0.0.1:5/c", "http://127.0.0.1/b"),
            ("http://127.0.0.1:5/b?c", "http://127.0.0.1/b"),
            ("http://[::1]:5/b", "http://127.0.0.1/b"),
            ("https://127.0.0.1:5/b", "http://127.0.0.1/b"),
        ],
    )
    def test_is_nothing_that_only_looks_so(self, uri, registered):
        assert not is_registered(uri, [registered])


class TestParameters:
    def test_keep_those_that_are_there(self):
        uri = with_parameters("https://a.example/?b=c", {"d": "e&f", "g": None})

        assert uri == "https://a.example/?b=c&d=e%26f"
