"""Logs: one JSON object a line on standard output.

A constant message, and everything variable in ``extra=``, so that a log is
searched by field. Never a token, a password or the body of a message.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

import orjson

__all__ = ["configure_logging"]

_STANDARD: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """Renders a record and its ``extra`` as one line of JSON."""

    def __init__(self, process_name: str) -> None:
        super().__init__()
        self._process_name = process_name

    def format(self, record: logging.LogRecord) -> str:
        """One line; what JSON cannot hold appears as its ``str``."""
        entry = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "process": self._process_name,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update(
            (key, value)
            for key, value in record.__dict__.items()
            if key not in _STANDARD
        )
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(process_name: str, level: str = "INFO") -> None:
    """Send every log of this process to standard output, as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(process_name))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Nameko logs the stack of every expected error; the rpc entrypoint says
    # the same in one line.
    logging.getLogger("nameko.containers").setLevel(logging.CRITICAL)
    for noisy in ("amqp", "kombu", "pika", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
