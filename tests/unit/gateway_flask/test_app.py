import re

import pytest
from routes import addresses

ID = "0190a0b0-0000-7000-8000-000000000001"

ROUTES = [
    ("POST", "/v1/auth/register-org", "auth.register_org", 201),
    ("POST", "/v1/auth/login", "auth.login", 200),
    ("POST", "/v1/auth/refresh", "auth.refresh_session", 200),
    ("POST", "/v1/auth/logout", "auth.logout", 204),
    ("GET", "/v1/me", "auth.get_me", 200),
    ("GET", "/v1/orgs/current", "auth.get_current_org", 200),
    *(
        route
        for plural, singular, service in (
            ("accounts", "account", "customer"),
            ("contacts", "contact", "customer"),
            ("leads", "lead", "sales"),
        )
        for route in (
            ("POST", f"/v1/{plural}", f"{service}.create_{singular}", 201),
            ("GET", f"/v1/{plural}", f"{service}.list_{plural}", 200),
            ("GET", f"/v1/{plural}/{ID}", f"{service}.get_{singular}", 200),
            ("PATCH", f"/v1/{plural}/{ID}", f"{service}.update_{singular}", 200),
            ("DELETE", f"/v1/{plural}/{ID}", f"{service}.archive_{singular}", 204),
            (
                "POST",
                f"/v1/{plural}/{ID}/restore",
                f"{service}.restore_{singular}",
                200,
            ),
        )
    ),
    ("POST", "/v1/interactions", "customer.create_interaction", 201),
    ("GET", "/v1/interactions", "customer.list_interactions", 200),
    ("GET", f"/v1/interactions/{ID}", "customer.get_interaction", 200),
    ("POST", f"/v1/leads/{ID}/qualify", "sales.qualify_lead", 200),
    ("POST", f"/v1/leads/{ID}/convert", "sales.convert_lead", 200),
    ("GET", "/v1/opportunities", "sales.list_opportunities", 200),
    ("GET", f"/v1/opportunities/{ID}", "sales.get_opportunity", 200),
    ("GET", "/v1/analytics/activity", "analytics.get_activity", 200),
    ("GET", "/v1/deliveries", "notify.list_deliveries", 200),
    ("GET", f"/v1/deliveries/{ID}", "notify.get_delivery", 200),
]


class TestRoutes:
    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[2])
    def test_call_their_owner(self, client, bus, route):
        method, path, rpc, status = route
        bus.answers[rpc] = {"id": ID, "version": 1}

        answer = client.open(
            path, method=method, json={"a": 1} if method != "GET" else None
        )

        assert (status, [rpc]) == (
            answer.status_code,
            [call[0] for call in bus.calls],
        )


STRICT = [(method, rule) for method, rule in addresses() if rule.startswith("/v1/")]
# Where a parameter that nobody knows changes nothing, and why.
_BY_BROWSERS = "followed from letters and other pages, whose links carry more"
_BY_MACHINES = "asked by probes and scrapers, which may add what they like"
LENIENT = {
    ".well-known": "RFC 8414 section 3 and OpenID Discovery name no parameters",
    "oauth": "RFC 6749 sections 3.1 and 3.2: unrecognized ones MUST be ignored",
    **dict.fromkeys(("health", "metrics"), _BY_MACHINES),
    **dict.fromkeys(("account", "docs", "openapi.json", "problems"), _BY_BROWSERS),
}


class TestParameters:
    @pytest.mark.parametrize(("method", "rule"), STRICT)
    def test_that_nobody_knows_are_refused_or_left_to_the_owner(
        self, client, bus, method, rule
    ):
        path = re.sub("<[^>]+>", ID, rule)

        answer = client.open(f"{path}?x_unknown=1", method=method)
        handed_on = [each[1].get("query") for each in bus.calls]

        if handed_on:
            assert handed_on == [{"x_unknown": "1"}]
        else:
            assert (answer.status_code, answer.json["code"]) == (
                400,
                "unknown_parameter",
            )
            assert [each["field"] for each in answer.json["errors"]] == ["x_unknown"]

    def test_are_ignored_where_that_is_asked_for(self):
        elsewhere = {rule.split("/")[1] for _, rule in addresses()} - {"v1"}

        assert elsewhere == LENIENT.keys()
