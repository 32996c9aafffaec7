from dataclasses import replace

import pytest

from chassis.breaker import BreakerState
from chassis.errors import NotFoundError, UnavailableError
from gateway_flask.app import create_app

ID = "0190a0b0-0000-7000-8000-000000000001"


@pytest.fixture
def app(new_app):
    return new_app


class TestMetrics:
    def test_count_by_route_template(self, client):
        client.get(f"/v1/contacts/{ID}")

        text = client.get("/metrics").text

        assert 'route="/v1/contacts/<id:contact_id>"' in text
        assert ID not in text

    def test_have_no_label_for_an_unknown_address(self, client):
        client.get("/nothing/at/all")

        text = client.get("/metrics").text

        assert 'route="unmatched"' in text
        assert "/nothing" not in text

    def test_have_no_label_for_an_invented_method(self, client):
        client.open("/v1/me", method="INVENTED")

        assert "INVENTED" not in client.get("/metrics").text

    def test_count_what_passed_unchecked(self, client, app):
        app.extensions["metrics"].count_unchecked("read")

        text = client.get("/metrics").text

        assert 'gateway_limits_unchecked_total{limit="read"} 1.0' in text

    def test_tell_how_calls_went(self, client, bus):
        client.get(f"/v1/contacts/{ID}")
        bus.answers["customer.get_contact"] = NotFoundError("contact_not_found")
        client.get(f"/v1/contacts/{ID}")
        client.get("/v1/home")

        text = client.get("/metrics").text

        labels = 'method="get_contact",outcome="%s",service="customer"'
        for outcome in ("ok", "refused"):
            name = f"gateway_rpc_duration_seconds_count{{{labels % outcome}}}"
            assert f"{name} 1.0" in text
        assert 'method="list_leads",outcome="ok",service="sales"' in text

    def test_tell_when_a_breaker_opens_and_closes(self, client, bus):
        name = 'gateway_breaker_state{service="customer"}'
        bus.answers["customer.get_contact"] = UnavailableError("service_unavailable")
        bus.states = {"customer": BreakerState.OPEN}
        client.get(f"/v1/contacts/{ID}")
        assert f"{name} 2.0" in client.get("/metrics").text

        del bus.answers["customer.get_contact"]
        bus.states = {"customer": BreakerState.CLOSED}
        client.get(f"/v1/contacts/{ID}")
        assert f"{name} 0.0" in client.get("/metrics").text

    def test_count_a_request_while_it_is_worked_on(self, client):
        name = "gateway_http_requests_in_flight"
        for _ in range(3):
            client.get("/nothing/at/all")

        # The request that asks is one itself.
        assert f"{name} 1.0" in client.get("/metrics").text

    def test_are_not_there_for_strangers(self, settings, bus, limiter):
        settings = replace(settings, metrics_allow=frozenset({"10.0.0.9"}))
        client = create_app(settings, bus=bus, limiter=limiter).test_client()

        assert client.get("/metrics").status_code == 404
