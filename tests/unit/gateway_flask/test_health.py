import pytest

from chassis.errors import DeadlineExceededError, RemoteError, UnavailableError


@pytest.fixture
def app(new_app):
    return new_app


class TestLive:
    def test_needs_nobody(self, anonymous, bus):
        bus.is_connected = False

        answer = anonymous.get("/health/live")

        assert (200, {"status": "ok"}) == (answer.status_code, answer.json)


class TestReady:
    def test_is_ok_when_all_are(self, anonymous):
        report = anonymous.get("/health/ready").json

        assert report["status"] == "ok"
        assert set(report["dependencies"]) == {
            "broker",
            "redis",
            "auth",
            "customer",
            "sales",
            "analytics",
            "notify",
        }

    def test_is_degraded_while_a_service_is_down(self, anonymous, bus):
        bus.answers = {
            "sales.check_health": UnavailableError("service_unavailable"),
            "notify.check_health": DeadlineExceededError("deadline_exceeded"),
            "auth.check_health": RemoteError("MethodNotFound", "check_health"),
            "customer.check_health": {"status": "degraded", "secret": "x"},
        }

        answer = anonymous.get("/health/ready")
        states = {
            name: one["status"] for name, one in answer.json["dependencies"].items()
        }

        assert (200, "degraded") == (answer.status_code, answer.json["status"])
        assert states == {
            "broker": "ok",
            "redis": "ok",
            "auth": "unavailable",
            "customer": "degraded",
            "sales": "unavailable",
            "analytics": "ok",
            "notify": "unavailable",
        }
        assert "secret" not in answer.text

    def test_is_degraded_without_redis(self, anonymous, limiter):
        limiter.is_there = False

        answer = anonymous.get("/health/ready")

        assert (200, "degraded") == (answer.status_code, answer.json["status"])

    def test_is_unavailable_without_a_broker(self, anonymous, bus):
        bus.is_connected = False

        answer = anonymous.get("/health/ready")

        assert (503, "unavailable") == (answer.status_code, answer.json["status"])

    def test_is_unavailable_while_draining(self, anonymous, app):
        app.extensions["readiness"].drain()

        answer = anonymous.get("/health/ready")

        assert (503, "unavailable") == (answer.status_code, answer.json["status"])

    def test_is_asked_once_for_all_who_ask_at_once(self, anonymous, bus, monkeypatch):
        monkeypatch.setattr("gateway_flask.health._SHARED_FOR_S", 60)
        for _ in range(5):
            anonymous.get("/health/ready")

        assert len(bus.calls) == 5
