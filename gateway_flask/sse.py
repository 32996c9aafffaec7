"""Server-sent events as bytes (WHATWG HTML, section 9.2.5 and 9.2.6)."""

import random
from collections.abc import Mapping
from typing import Any, Final

import orjson

__all__ = ["HEARTBEAT", "chunk", "closing", "event_frame", "place", "retry"]

# Proxies close what is silent; a comment is no event to the client.
HEARTBEAT: Final = b":\n\n"
_RETRY_MS: Final = (500, 4_000)


def event_frame(event: Mapping[str, Any]) -> bytes:
    """One event; JSON has no line break, so one ``data`` line holds it."""
    name = str(event["event"]).encode()
    data = orjson.dumps(event)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event["position"], name, data)


def place(position: int) -> bytes:
    """Where the client has got to, without an event: a block without data."""
    return b"id: %d\n\n" % position


def retry() -> bytes:
    """How long to wait before coming back; not the same for everybody."""
    return b"retry: %d\n" % random.randint(*_RETRY_MS)  # noqa: S311


def chunk(frame: bytes) -> bytes:
    """The frame as a chunk of a chunked body (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def closing(*, is_chunked: bool) -> bytes:
    """The end of a stream: come back soon."""
    last = retry() + b"\n"
    return chunk(last) + b"0\r\n\r\n" if is_chunked else last
