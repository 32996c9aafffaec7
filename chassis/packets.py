"""Fewer system calls per message on kombu's connections.

py-amqp writes each frame group at once and reads each part of a frame by
itself: two writes to answer and acknowledge, nine reads for one delivery. For
a service that answers small requests these calls are most of the cost.
"""

import threading
from types import TracebackType
from typing import Any, Final

from kombu.transport import pyamqp

from chassis.publishing import UnblockedConnection

__all__ = ["InOnePacket", "use_thrifty_connections"]

# py-amqp copies what is left of its buffer with each part of a frame that it
# takes out of it: more than this costs more to copy than it saves in calls.
_READ_SIZE: Final = 8_192
_FRAME_HEAD: Final = 7
_FRAME_END: Final = 1


class _Writer:
    """Stands for the socket's ``sendall``; can hold frames back for a moment."""

    def __init__(self, send: Any) -> None:
        self._send = send
        # A send that waits for the peer must not be overtaken half-way.
        self._turn = threading.Lock()
        self._held: bytearray | None = None

    def __call__(self, data: bytes | memoryview | bytearray) -> None:
        if self._held is None:
            with self._turn:
                self._send(data)
        else:
            self._held += data

    def hold(self) -> None:
        self._held = bytearray()

    def release(self) -> None:
        held, self._held = self._held, None
        if held:
            self(held)


class _Connection(UnblockedConnection, pyamqp.Connection):  # type: ignore[misc]
    # Workers publish replies while the consumer reads.

    def connect(self, callback: Any = None) -> Any:
        """Connect, then put reading and writing in order."""
        connected = super().connect(callback)
        transport = self.transport
        self.writer = transport._write = _Writer(transport._write)  # noqa: SLF001
        receive = getattr(transport, "_quick_recv", None)
        if receive is not None and not hasattr(transport, "sslopts"):
            # What is read too much stays in the transport's own buffer.
            transport._quick_recv = lambda size: receive(max(size, _READ_SIZE))  # noqa: SLF001
        return connected

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Read a frame; setting a time limit is left out for one that is there."""
        transport = self.transport
        if not _begins_with_frame(getattr(transport, "_read_buffer", b"")):
            return super().blocking_read(timeout)
        return self.on_inbound_frame(transport.read_frame())


def _begins_with_frame(buffer: bytes) -> bool:
    """Whether a frame lies in the buffer, whole."""
    if len(buffer) < _FRAME_HEAD:
        return False
    payload = int.from_bytes(buffer[3:_FRAME_HEAD], "big")
    return len(buffer) >= _FRAME_HEAD + payload + _FRAME_END


def use_thrifty_connections() -> None:
    """Have kombu make such connections from now on; again changes nothing."""
    pyamqp.Transport.Connection = _Connection


class InOnePacket:
    """What is sent on the channel's connection within leaves together.

    Nothing within may wait: other green threads' frames would be held back.

    Raises:
        OSError: On leaving, if the connection is lost; nothing has left.
    """

    __slots__ = ("_writer",)

    def __init__(self, channel: Any) -> None:
        self._writer = getattr(channel.connection, "writer", None)

    def __enter__(self) -> None:
        if self._writer is not None:
            self._writer.hold()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()
