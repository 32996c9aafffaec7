"""Asking a process whether it is ready, in its own language.

Each probe is cheap, blocks for a few seconds at most, and answers ``True``
only if the process did what it is for: a broker let the operator log in, a
database is a writable primary.
"""

import http.client
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pika
import pika.exceptions

__all__ = ["Probe", "hello_message", "is_ready"]

_TIMEOUT_S: Final = 3.0
_REPLY_BYTES: Final = 16_384
_OP_MSG: Final = 2013
_OK: Final = 200

# A refused connection is an answer here, not news.
logging.getLogger("pika").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Probe:
    """What to ask, and where.

    Attributes:
        kind: ``none``, ``tcp``, ``epmd``, ``http``, ``amqp``, ``mongodb``, ``redis`` or
            ``smtp``.
        target: ``host:port``, or a URL for ``http``.
        secret_file: Holds the URI to log in with, for ``amqp`` and ``redis``.
    """

    kind: str = "none"
    target: str = ""
    secret_file: str = ""


def is_ready(probe: Probe) -> bool:
    """Ask; anything but the right answer in time counts as no."""
    try:
        return _PROBES[probe.kind](probe)
    except (
        OSError,
        ValueError,
        http.client.HTTPException,
        pika.exceptions.AMQPError,
    ):
        return False


def _connect(target: str) -> socket.socket:
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=_TIMEOUT_S)


def _tcp(probe: Probe) -> bool:
    with _connect(probe.target):
        return True


def _epmd(probe: Probe) -> bool:
    """Ask for the names it knows; it complains of connections that ask nothing."""
    with _connect(probe.target) as connection:
        connection.sendall(b"\x00\x01n")
        return bool(connection.recv(_REPLY_BYTES))


def _http(probe: Probe) -> bool:
    parts = urlsplit(probe.target)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == _OK
    finally:
        connection.close()


def _amqp(probe: Probe) -> bool:
    uri = Path(probe.secret_file).read_text().strip()
    parameters = pika.URLParameters(uri.replace("pyamqp://", "amqp://", 1))
    parameters.socket_timeout = _TIMEOUT_S
    parameters.stack_timeout = _TIMEOUT_S
    parameters.blocked_connection_timeout = _TIMEOUT_S
    parameters.connection_attempts = 1
    pika.BlockingConnection(parameters).close()
    return True


def hello_message() -> bytes:
    """MongoDB's ``{hello: 1, $db: "admin"}`` as one OP_MSG.

    By hand, so that asking now and then does not take a driver with its
    monitoring threads.
    """
    elements = (
        b"\x10hello\x00"
        + struct.pack("<i", 1)
        + b"\x02$db\x00"
        + struct.pack("<i", len(b"admin\x00"))
        + b"admin\x00"
    )
    document = struct.pack("<i", len(elements) + 5) + elements + b"\x00"
    body = struct.pack("<I", 0) + b"\x00" + document
    return struct.pack("<iiii", 16 + len(body), 1, 0, _OP_MSG) + body


def _mongodb(probe: Probe) -> bool:
    """Ready is a writable primary, or a node that awaits its replica set."""
    with _connect(probe.target) as connection:
        connection.sendall(hello_message())
        reply = connection.recv(_REPLY_BYTES)
    if b"\x02setName\x00" not in reply:
        return b"\x01ok\x00" in reply
    return b"\x08isWritablePrimary\x00\x01" in reply


def _redis(probe: Probe) -> bool:
    password = urlsplit(Path(probe.secret_file).read_text().strip()).password or ""
    with _connect(probe.target) as connection:
        connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        reply = b""
        while b"+PONG" not in reply:
            received = connection.recv(_REPLY_BYTES)
            if not received or reply.startswith(b"-"):
                return False
            reply += received
    return True


def _smtp(probe: Probe) -> bool:
    with _connect(probe.target) as connection:
        greeting = connection.recv(_REPLY_BYTES)
        connection.sendall(b"QUIT\r\n")
    return greeting.startswith(b"220")


_PROBES: Final[Mapping[str, Callable[[Probe], bool]]] = {
    "none": lambda _probe: True,
    "tcp": _tcp,
    "epmd": _epmd,
    "http": _http,
    "amqp": _amqp,
    "mongodb": _mongodb,
    "redis": _redis,
    "smtp": _smtp,
}
