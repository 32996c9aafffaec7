import json
import logging

from chassis.errors import NotFoundError
from chassis.telemetry import JsonFormatter, describe
from svc_notify.clients import MailRefusedError


class TestJsonFormatter:
    def test_makes_one_line_of_json(self):
        record = logging.LogRecord(
            "a.b", logging.INFO, "", 1, "said %s", ("x\ny",), None
        )
        record.request_id, record.odd = "r", object()

        line = JsonFormatter("sales-rpc").format(record)
        entry = json.loads(line)

        assert "\n" not in line
        assert ("said x\ny", "r", "sales-rpc") == (
            entry["message"],
            entry["request_id"],
            entry["process"],
        )

    def test_tells_an_error_by_its_stack_without_values(self):
        def fail():
            try:
                int("ada@example.test")
            except ValueError as error:
                raise NotFoundError(
                    "lead_not_found", "There is no such lead."
                ) from error

        try:
            fail()
        except NotFoundError as error:
            record = logging.LogRecord("a", logging.ERROR, "", 1, "failed", (), None)
            record.exc_info = (type(error), error, error.__traceback__)

        told = json.loads(JsonFormatter("sales-rpc").format(record))["exception"]

        assert "ada@example.test" not in told.splitlines()[-1]
        assert told.index("ValueError at ") < told.index("which led to")
        assert told.strip().endswith(
            "NotFoundError: lead_not_found: There is no such lead."
        )


class TestDescribe:
    def test_gives_our_own_and_the_brokers_words(self):
        assert describe(MailRefusedError("it answered 550")) == (
            "MailRefusedError: it answered 550"
        )
        assert describe(ConnectionRefusedError("no")) == "ConnectionRefusedError: no"

    def test_gives_of_others_the_type_and_the_place(self):
        try:
            {}["ada@example.test"]
        except KeyError as error:
            told = describe(error)

        assert told.startswith("KeyError at ")
        assert "ada@example.test" not in told
