"""JSON on the bus.

Not kombu's: its decoder treats ``{"__type__": ...}`` in user data as typed
values, and one unknown type makes the whole request vanish.
"""

from typing import Any, Final

import orjson

__all__ = ["CONTENT_ENCODING", "CONTENT_TYPE", "decode", "encode"]

CONTENT_TYPE: Final = "application/json"
CONTENT_ENCODING: Final = "utf-8"


def encode(value: Any) -> bytes:
    """JSON in UTF-8.

    Raises:
        TypeError: Something in ``value`` is not JSON.
    """
    return orjson.dumps(value)


def decode(body: bytes | str) -> Any:
    """What the JSON text says, nothing interpreted.

    Raises:
        ValueError: It is not JSON.
    """
    return orjson.loads(body)
