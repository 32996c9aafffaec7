"""Takes replies out of an AMQP stream, and leaves the rest to the library.

pika looks for listeners at each of a delivery's three frames and builds four
objects for them; for the only channel on which messages come in by the
thousand that is half the cost of reading. AMQP 0-9-1, sections 4.2.3 and 4.2.6.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

from pika.spec import Basic, BasicProperties

__all__ = ["ReplyReader"]

_METHOD, _HEADER, _BODY, _HEARTBEAT = 1, 2, 3, 8
_FRAME_END: Final = 0xCE
_FRAME_HEAD: Final = struct.Struct(">BHI")
_CONTENT_HEAD: Final = struct.Struct(">HHQ")
_METHOD_ID: Final = struct.Struct(">I")
_EXTRA: Final = _FRAME_HEAD.size + 1


class ReplyReader:
    """Reads one connection's stream, from its first byte on."""

    def __init__(self) -> None:
        self._channel: int | None = None
        self._on_reply: Callable[[BasicProperties, bytes], None] | None = None
        self._incomplete = b""
        self._is_reply = False
        self._properties: Any = None
        self._missing = 0
        self._body: list[bytes] = []

    def take_from(
        self, channel: int, on_reply: Callable[[BasicProperties, bytes], None]
    ) -> None:
        """Take deliveries on this channel for replies from now on."""
        self._channel, self._on_reply = channel, on_reply

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived, in pieces of any size.

        Returns:
            All complete frames that belong to no reply, as they were; also
            whatever does not look like a frame, for the library to judge.
        """
        data = self._incomplete + data
        others: list[bytes] = []
        start = 0
        while len(data) - start >= _EXTRA:
            kind, channel, size = _FRAME_HEAD.unpack_from(data, start)
            end = start + size + _EXTRA
            if not (_METHOD <= kind <= _BODY or kind == _HEARTBEAT):
                end = len(data)
            elif end > len(data):
                break
            is_sound = data[end - 1] == _FRAME_END
            is_ours = channel == self._channel and is_sound
            if not (is_ours and self._take(kind, data, start + _FRAME_HEAD.size, size)):
                others.append(data[start:end])
            start = end
        self._incomplete = data[start:]
        return b"".join(others)

    def _take(self, kind: int, data: bytes, start: int, size: int) -> bool:
        """Use one frame of the channel; whether it was part of a reply."""
        if kind == _METHOD:
            (method,) = _METHOD_ID.unpack_from(data, start)
            self._is_reply = method == Basic.Deliver.INDEX
        elif self._is_reply and kind == _HEADER:
            _, _, self._missing = _CONTENT_HEAD.unpack_from(data, start)
            self._properties = BasicProperties()
            self._properties.decode(data, start + _CONTENT_HEAD.size)
        elif self._is_reply:
            self._body.append(data[start : start + size])
            self._missing -= size
        if self._is_reply and kind != _METHOD and self._missing <= 0:
            body, self._body = b"".join(self._body), []
            self._is_reply = False
            if self._on_reply is not None:
                self._on_reply(self._properties, body)
            return True
        return self._is_reply
