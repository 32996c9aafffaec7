import json
import logging

import pytest

from chassis.errors import (
    ConflictError,
    DeadlineExceededError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    RemoteError,
    UnavailableError,
    VersionConflictError,
    bad_request,
    invalid_input,
)

ID = "0190a0b0-0000-7000-8000-000000000001"


def refusal(client, bus, error):
    bus.answers["customer.get_contact"] = error
    return client.get(f"/v1/contacts/{ID}")


class TestWireErrors:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (NotFoundError("contact_not_found"), 404),
            (ConflictError("email_taken"), 409),
            (VersionConflictError("version_conflict"), 412),
            (invalid_input([]), 422),
            (bad_request("unknown_filter", "No."), 400),
            (RateLimitedError("rate_limited"), 429),
            (UnavailableError("service_unavailable"), 503),
            (DeadlineExceededError("deadline_exceeded"), 504),
        ],
    )
    def test_have_their_status(self, client, bus, error, status):
        answer = refusal(client, bus, error)

        assert status == answer.status_code
        assert answer.content_type == "application/problem+json"

    def test_have_the_members_of_a_problem(self, client, bus):
        error = NotFoundError("contact_not_found", "There is no such contact.")
        answer = refusal(client, bus, error)

        assert answer.json == {
            "type": "/problems/contact_not_found",
            "title": "Contact not found",
            "status": 404,
            "detail": "There is no such contact.",
            "instance": f"/v1/contacts/{ID}",
            "code": "contact_not_found",
            "request_id": answer.headers["X-Request-Id"],
        }

    def test_carry_their_details_along(self, client, bus):
        details = {"conflicts": {"name": {"original": 1, "current": 2, "yours": 3}}}
        error = VersionConflictError("version_conflict", "", json.dumps(details))

        assert details["conflicts"] == refusal(client, bus, error).json["conflicts"]

    def test_details_replace_no_member_of_ours(self, client, bus):
        details = json.dumps({"code": "x", "request_id": "x", "status": 400})
        answer = refusal(client, bus, InvalidInputError("unknown_filter", "", details))

        assert (400, "unknown_filter") == (answer.json["status"], answer.json["code"])

    @pytest.mark.parametrize(
        "error",
        [
            UnavailableError("too_busy"),
            RateLimitedError("rate_limited"),
            ConflictError("idempotency_key_in_progress", "", '{"retry_after_s": 1}'),
        ],
    )
    def test_that_pass_say_when_to_come_again(self, client, bus, error):
        assert refusal(client, bus, error).headers["Retry-After"] == "1"


class TestHttpErrors:
    def test_an_unknown_address_is_404(self, anonymous):
        answer = anonymous.get("/nothing")

        assert (404, "not_found") == (answer.status_code, answer.json["code"])
        assert answer.content_type == "application/problem+json"

    @pytest.mark.parametrize("method", ["PUT", "OPTIONS", "INVENTED"])
    def test_another_method_is_405(self, client, method):
        answer = client.open("/v1/me/orgs", method=method)

        assert (405, "method_not_allowed") == (answer.status_code, answer.json["code"])
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}

    @pytest.mark.parametrize("path", ["/v1/leads/", "//v1/leads", "/v1//leads"])
    def test_nobody_is_redirected(self, client, path):
        assert client.get(path).status_code == 404


class TestUnexpectedErrors:
    @pytest.mark.parametrize(
        "error", [RemoteError("KeyError", "secret"), ZeroDivisionError("secret")]
    )
    def test_are_500_without_internals(self, client, bus, error, caplog):
        with caplog.at_level(logging.CRITICAL):
            answer = refusal(client, bus, error)

        assert (500, "internal_error") == (answer.status_code, answer.json["code"])
        assert "secret" not in answer.text
        assert "Error" not in answer.json["detail"]

    def test_are_logged_with_the_request_id(self, client, bus, caplog):
        answer = refusal(client, bus, RemoteError("KeyError", "x"))

        record = next(r for r in caplog.records if r.levelname == "ERROR")

        assert answer.headers["X-Request-Id"] == record.request_id
