import pytest
from flask import g

from chassis.errors import DeadlineExceededError
from gateway_flask.bus import call

ID = "0190a0b0-0000-7000-8000-000000000001"


class TestCall:
    @pytest.mark.parametrize(
        ("method", "path", "deadline_s"),
        [
            ("GET", f"/v1/contacts/{ID}", 5),
            ("POST", "/v1/auth/login", 10),
            ("POST", "/v1/auth/register-org", 10),
            ("POST", f"/v1/leads/{ID}/convert", 10),
        ],
    )
    def test_has_what_is_left_of_the_routes_deadline(
        self, client, bus, method, path, deadline_s
    ):
        client.open(path, method=method, json={"email": "a@b.example"})

        timeout_s = bus.calls[0][3]

        assert deadline_s - 1 < timeout_s <= deadline_s

    def test_is_not_made_after_the_deadline(self, app, bus):
        with app.test_request_context("/v1/me"):
            g.deadline = 0.0

            with pytest.raises(DeadlineExceededError):
                call("auth", "get_me")

        assert bus.calls == []

    def test_is_made_once_even_if_it_fails(self, client, bus):
        bus.answers["customer.create_contact"] = DeadlineExceededError(
            "deadline_exceeded"
        )

        client.post("/v1/contacts", json={})

        assert len(bus.calls) == 1
