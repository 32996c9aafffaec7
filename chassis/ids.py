"""Identifiers: UUIDv7 for things, UUIDv8 for keyed operations (RFC 9562).

A thing derived from another has an id that anybody who knows the parent can
compute again, so that doing the same work twice makes the same thing.
"""

import base64
import hashlib
import re
import secrets
import time
import uuid
from collections.abc import Iterable
from typing import TypeGuard

__all__ = [
    "derive_id",
    "is_id",
    "is_keyed",
    "keyed_operation_id",
    "new_id",
    "packed",
    "unpacked",
]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _shape(value: int, version: int) -> str:
    """Set version and variant of RFC 9562 §4 and print in lower case."""
    value = (value & ~(0xF << 76)) | (version << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562 §5.7): milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return _shape((milliseconds << 80) | secrets.randbits(80), version=7)


def derive_id(parent_id: str, role: str) -> str:
    """The id of what ``parent_id`` brings about in ``role``.

    It keeps the parent's timestamp, so that derived things sort beside it;
    the rest is a hash. The same arguments give the same id for ever.
    """
    parent = uuid.UUID(parent_id).int
    digest = hashlib.sha256(f"{parent_id}\n{role}".encode()).digest()
    milliseconds = parent >> 80
    return _shape((milliseconds << 80) | int.from_bytes(digest[:10], "big"), version=7)


def keyed_operation_id(org_id: str, principal_id: str, key: str) -> str:
    """The operation that an ``Idempotency-Key`` of this principal names.

    A UUIDv8 (RFC 9562 §5.8), so that a service can tell a keyed operation
    from a fresh one.
    """
    scope = f"{org_id}\n{principal_id}\n{key}".encode()
    return _shape(int.from_bytes(hashlib.sha256(scope).digest()[:16], "big"), version=8)


def is_keyed(operation_id: str) -> bool:
    """Whether the operation carries a client's idempotency key."""
    return is_id(operation_id) and operation_id[14] == "8"


def is_id(text: object) -> TypeGuard[str]:
    """Whether ``text`` has the one spelling of an id: lower case, hyphens."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def packed(ids: Iterable[str]) -> str:
    """Ids in a little more than half of their length, for where there is not much."""
    together = b"".join(uuid.UUID(each).bytes for each in ids)
    return base64.urlsafe_b64encode(together).decode()


def unpacked(text: str) -> tuple[str, ...]:
    """The ids that were packed.

    Raises:
        ValueError: There is no whole number of them.
    """
    found = base64.urlsafe_b64decode(text)
    return tuple(
        str(uuid.UUID(bytes=found[start : start + 16]))
        for start in range(0, len(found), 16)
    )
