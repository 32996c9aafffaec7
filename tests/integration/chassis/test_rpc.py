"""The rpc entrypoint against requests that make no sense."""

import time

import pytest

pytestmark = pytest.mark.integration

EMPTY = b'{"args": [], "kwargs": {}}'
JSON = "application/json"
HEALTHY = {"result": {"status": "ok"}, "error": None}


class TestRequests:
    def test_of_stock_clients_are_answered(self, caller):
        assert caller.call("customer.check_health") == HEALTHY

    @pytest.mark.parametrize(
        ("method", "body", "content_type", "expected"),
        [
            ("check_health", b"{", JSON, "MalformedRequest"),
            ("check_health", b"\xff", JSON, "MalformedRequest"),
            ("check_health", b"[]", JSON, "MalformedRequest"),
            ("check_health", b'{"args": []}', JSON, "MalformedRequest"),
            ("check_health", b'{"args": 1, "kwargs": {}}', JSON, "MalformedRequest"),
            ("check_health", EMPTY, None, "MalformedRequest"),
            (
                "check_health",
                b"\x82\xa4args\x90\xa6kwargs\x80",
                "application/x-msgpack",
                "MalformedRequest",
            ),
            (
                "check_health",
                EMPTY,
                "application/x-python-serialize",
                "MalformedRequest",
            ),
            ("nope", EMPTY, JSON, "MethodNotFound"),
            ("__init__", EMPTY, JSON, "MethodNotFound"),
            (
                "check_health",
                b'{"args": [], "kwargs": {"x": 1}}',
                JSON,
                "IncorrectSignature",
            ),
            (
                "list_contacts",
                b'{"args": [{}], "kwargs": {}}',
                JSON,
                "IncorrectSignature",
            ),
            ("list_contacts", EMPTY, JSON, "IncorrectSignature"),
        ],
    )
    def test_that_make_no_sense_are_refused_within_a_second(
        self, caller, method, body, content_type, expected
    ):
        caller.send(f"customer.{method}", body, content_type=content_type)

        assert caller.answer()["error"]["exc_type"] == expected

    def test_may_hold_typed_json_and_it_stays_what_it_is(self, caller):
        payload = {"email": {"__type__": "bytes", "__value__": "x"}, "password": "x"}

        answer = caller.call("auth.login", payload=payload)

        assert answer["error"]["exc_args"][0] == "invalid_input"


class TestPoison:
    @pytest.mark.parametrize(
        ("body", "properties"),
        [
            (EMPTY, {"reply_to": None}),
            (EMPTY, {"reply_to": "nobody"}),
            (EMPTY, {"reply_to": "auth.login"}),
            (EMPTY, {"correlation_id": None}),
            (EMPTY, {"content_encoding": "nope"}),
            (EMPTY, {"headers": {"compression": "nope"}}),
            (EMPTY, {"headers": {"nameko.deadline": "nan"}}),
            (EMPTY, {"headers": {"nameko.deadline": ["x"]}}),
            (EMPTY, {"headers": {"nameko.call_id_stack": 5}}),
            (EMPTY, {"headers": {"nameko.auth_token": "x" * 100_000}}),
            (b"[" * 100_000, {}),
            (b'{"__type__": "nope", "__value__": {}}', {}),
        ],
    )
    def test_harms_nobody_else(self, caller, processes, body, properties):
        before = processes()["customer-rpc-1"]["pid"]
        caller.send("customer.check_health", body, **properties)
        caller.send("customer.check_health", EMPTY, correlation_id="after")

        answer = None
        while caller.answered != "after":
            answer = caller.answer()
        after = processes()["customer-rpc-1"]

        assert answer == HEALTHY
        assert (before, "running") == (after["pid"], after["state"])


class TestDeadlines:
    def test_that_are_past_start_nothing(self, caller, client):
        late = {
            "nameko.auth_token": client.token,
            "nameko.deadline": str(time.time() - 1),
        }
        answer = caller.call(
            "customer.create_contact", late, payload={"last_name": "x"}
        )
        made = caller.call(
            "customer.list_contacts", {"nameko.auth_token": client.token}, query={}
        )

        assert answer["error"]["exc_type"] == "DeadlineExceededError"
        assert made["result"]["data"] == []

    def test_of_requests_without_one_end_in_the_queue(self, caller, paused, until):
        """The policy of the operator; nobody gets to see these any more."""
        sent = 100

        def waiting():
            declared = caller.channel.queue_declare("rpc-analytics", passive=True)
            return declared.method.message_count

        with paused("analytics-rpc-1"):
            for _ in range(sent):
                caller.send("analytics.check_health", EMPTY)
            until(waiting)
            until(lambda: waiting() == 0, within_s=5)
        answers = len(list(caller.answers()))

        assert 0 < answers < sent
