import json
import logging

from chassis.telemetry import JsonFormatter


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
