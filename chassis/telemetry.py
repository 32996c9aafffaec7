"""Logs: one JSON object a line on standard output.

A constant message, and everything variable in ``extra=``, so that a log is
searched by field. Never a token, a password or the body of a message, and of
errors only what is known to name nobody.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

import orjson

__all__ = ["configure_logging", "describe"]

_STANDARD: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
# Whose messages speak of queues, hosts and our own codes. A database's speak of
# the values that it did not like.
_DISCREET: Final = frozenset({"amqp", "chassis", "gateway_flask", "kombu", "pika"})
_LONGEST_CHAIN: Final = 4


def describe(error: BaseException) -> str:
    """What went wrong, in one line without personal data.

    The messages of foreign exceptions can hold an e-mail address; they are
    told by type and place instead.
    """
    name = type(error).__name__
    package = type(error).__module__.partition(".")[0]
    if package in _DISCREET or package.startswith("svc_") or isinstance(error, OSError):
        return f"{name}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{name}{place}"


def _stack(error: BaseException | None) -> str:
    """The stack of an error and of what led to it, the latest last."""
    chain: list[str] = []
    while error is not None and len(chain) < _LONGEST_CHAIN:
        frames = "".join(traceback.format_tb(error.__traceback__))
        chain.append(f"{frames}{describe(error)}\n")
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return "which led to\n".join(reversed(chain))


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
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = _stack(record.exc_info[1])
        return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(process_name: str, level: str = "INFO") -> None:
    """Send every log of this process to standard output, as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(process_name))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("amqp", "kombu", "pika", "pymongo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
