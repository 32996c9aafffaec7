"""How much of a request has arrived.

Only its end is looked for here, so that no thread has to wait for it. What the
bytes mean gunicorn's parser decides alone, from exactly these bytes, and where
the next request begins as well; if it wants more than was waited for, the
connection ends. What is refused here would be refused there, too, or could
make the two disagree.
"""

import re
from enum import Enum
from typing import Final

__all__ = ["MAX_BODY", "MAX_HEAD", "MAX_LINE", "Arrival", "State"]

MAX_BODY: Final = 1_048_576
MAX_HEAD: Final = 65_536
MAX_LINE: Final = 8_190
# Of a chunked body: its data, and the lines around them.
_MAX_CHUNKED: Final = 2 * MAX_BODY
_END: Final = b"\r\n\r\n"
# Nothing in them can be matched in two ways: an attacker chooses the text.
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect):([^\r\n]*)", re.IGNORECASE
)
_SIZE: Final = re.compile(rb"([0-9a-f]{1,16})[ \t]*(?:;|$)", re.IGNORECASE)


class State(Enum):
    """What is still to come, or what is wrong with what has come."""

    EMPTY = "everything"
    HEAD = "the rest of the head"
    BODY = "the rest of the body"
    COMPLETE = "nothing"
    MALFORMED = "malformed"
    URI_TOO_LONG = "uri too long"
    HEAD_TOO_LARGE = "head too large"
    CODING_UNKNOWN = "transfer coding unknown"


class Arrival:
    """The bytes of a connection that no request was made of yet.

    Attributes:
        state: What they lack of a request.
        is_cut: The body is larger than any may be, and not waited for: the
            request is complete without it, so that whoever wants to read it
            refuses it like everything else.
        wants_continue: The client waits to be told to send the body
            (RFC 9110 §10.1.1).
    """

    __slots__ = (
        "_body_at",
        "_buffer",
        "_end",
        "_seen",
        "is_cut",
        "state",
        "wants_continue",
    )

    def __init__(self, data: bytes = b"") -> None:
        self._buffer = bytearray()
        self._seen = 0
        self._body_at = 0
        self._end: int | None = None
        self.is_cut = False
        self.state = State.EMPTY
        self.wants_continue = False
        if data:
            self.add(data)

    def __len__(self) -> int:
        return len(self._buffer)

    def add(self, data: bytes) -> None:
        """Take what has just come."""
        self._buffer += data
        if self.state in (State.EMPTY, State.HEAD):
            self.state = self._look_at_head()
        if self.state is State.BODY:
            self.state = self._look_at_body()

    def take(self) -> bytes:
        """Everything, and what may have come behind the request."""
        return bytes(self._buffer)

    def _look_at_head(self) -> State:
        buffer = self._buffer
        begin = 0
        if not buffer or buffer.startswith(b"\r"):
            if b"\r\n".startswith(bytes(buffer[:3])):
                return State.EMPTY
            # RFC 9112 §2.2: an empty line before the request is ignored.
            begin = 2 if buffer.startswith(b"\r\n") else 0
        seen = self._seen
        end = buffer.find(_END, max(begin, seen - 3))
        stop = self._seen = len(buffer) if end < 0 else end
        lines = buffer.count(b"\r\n", max(seen - 1, 0), stop)
        if buffer.count(b"\n", seen, stop) != lines:
            return State.MALFORMED
        line_end = buffer.find(b"\r\n", begin, begin + MAX_LINE + 2)
        if line_end < 0 and len(buffer) >= begin + MAX_LINE + 2:
            return State.URI_TOO_LONG
        if end > MAX_HEAD or (end < 0 and len(buffer) >= MAX_HEAD + len(_END)):
            return State.HEAD_TOO_LARGE
        return State.HEAD if end < 0 else self._read_framing(line_end, end)

    def _read_framing(self, line_end: int, end: int) -> State:
        buffer = self._buffer
        self._body_at = self._seen = end + len(_END)
        fields: dict[bytes, bytes] = {}
        for found, value in _FRAMING.findall(buffer, 0, end):
            name = found.lower()
            if name in fields:
                return State.MALFORMED
            fields[name] = value.strip(b" \t").lower()
        self.wants_continue = fields.get(
            b"expect"
        ) == b"100-continue" and not buffer.endswith(b" HTTP/1.0", 0, line_end)
        if b"transfer-encoding" in fields:
            if b"content-length" in fields:
                return State.MALFORMED
            return _read_codings(fields[b"transfer-encoding"])
        return self._read_length(fields.get(b"content-length", b"0"))

    def _read_length(self, text: bytes) -> State:
        if not text.isdigit():
            return State.MALFORMED
        # By its digits first: Python refuses to read thousands of them.
        digits = text.lstrip(b"0") or b"0"
        if len(digits) > len(str(MAX_BODY)) or int(digits) > MAX_BODY:
            return self._cut()
        self._end = self._body_at + int(digits)
        return State.BODY

    def _cut(self) -> State:
        self.is_cut = True
        return State.COMPLETE

    def _look_at_body(self) -> State:
        if self._end is not None:
            return State.COMPLETE if len(self._buffer) >= self._end else State.BODY
        while len(self._buffer) > self._seen:
            before = self._seen
            state = self._skip_chunk()
            if state is not State.BODY or self._seen == before:
                return state
        return State.BODY

    def _skip_chunk(self) -> State:
        """Move over one chunk if all of it is there (RFC 9112 §7.1)."""
        buffer, limit = self._buffer, self._seen + MAX_LINE
        line_end = buffer.find(b"\r\n", self._seen, limit)
        if line_end < 0:
            return State.MALFORMED if len(buffer) >= limit else State.BODY
        match = _SIZE.match(buffer, self._seen, line_end)
        if match is None:
            return State.MALFORMED
        size = int(match[1], 16)
        if size == 0:
            return self._look_at_trailers(line_end)
        return self._skip_data(line_end + 2 + size)

    def _skip_data(self, end: int) -> State:
        following = end + 2
        if following - self._body_at > _MAX_CHUNKED:
            return self._cut()
        if len(self._buffer) >= following:
            if self._buffer[end:following] != b"\r\n":
                return State.MALFORMED
            self._seen = following
        return State.BODY

    def _look_at_trailers(self, line_end: int) -> State:
        """An empty line ends them; it may follow the last chunk at once."""
        end = self._buffer.find(_END, line_end, line_end + MAX_HEAD)
        if end >= 0:
            return State.COMPLETE
        is_endless = len(self._buffer) >= line_end + MAX_HEAD
        return State.MALFORMED if is_endless else State.BODY


def _read_codings(value: bytes) -> State:
    """RFC 9112 §6.3: where ``chunked`` is not the last, there is no end."""
    *before, last = (coding.strip(b" \t") for coding in value.split(b","))
    if last != b"chunked" or last in before:
        return State.MALFORMED
    return State.CODING_UNKNOWN if before else State.BODY
