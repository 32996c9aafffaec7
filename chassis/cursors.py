"""Signed cursors: where a page ended, readable by us alone.

A cursor is bound to the list that it was made for (organization, collection
and order), so that one of another list is refused instead of misread.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import orjson
from bson import Decimal128

from chassis.config import setting

__all__ = ["CursorSeal", "own_seal"]

_MAX_CURSOR: Final = 4_096
_MAC_BYTES: Final = 16


class CursorSeal:
    """Signs cursors with one key (HMAC-SHA256, RFC 2104, cut to 128 bits)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, scope: str, values: Sequence[Any]) -> str:
        """The cursor that holds ``values`` and is valid for ``scope``."""
        body = orjson.dumps([_to_json(value) for value in values])
        raw = self._mac(scope, body) + body
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def open(self, scope: str, cursor: str) -> list[Any]:
        """The values in a cursor.

        Raises:
            ValueError: It was not made by us for ``scope``.
        """
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, body)):
            raise ValueError("not signed by us")
        return [_from_json(value) for value in orjson.loads(body)]

    def _mac(self, scope: str, body: bytes) -> bytes:
        message = scope.encode() + b"\n" + body
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]


@cache
def own_seal() -> CursorSeal:
    """The seal of this service, derived from its ``vault_key`` secret.

    Every process of the service has the same, so that a page may be asked of
    another replica than the page before.

    Raises:
        MissingSettingError: There is no such secret.
    """
    return CursorSeal(
        hashlib.sha256(f"rapport cursor\n{setting('VAULT_KEY')}".encode()).digest()
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, Decimal128):
        return {"decimal": str(value)}
    return value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "at" in value:
        return datetime.fromisoformat(value["at"])
    return Decimal128(Decimal(value["decimal"]))
