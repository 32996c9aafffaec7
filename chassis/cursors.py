"""Sealed cursors: where a page ended, readable by us alone.

A page may end at a record that its reader may not see.

A cursor is bound to the list that it was made for (organization, collection
and order), so that one of another list is refused instead of misread.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import orjson
from bson import Decimal128
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.config import setting
from chassis.errors import FieldError, bad_request

__all__ = ["CursorSeal", "own_seal", "resumed"]

_MAX_CURSOR: Final = 4_096
_NONCE_BYTES: Final = 12


class CursorSeal:
    """Encrypts and authenticates cursors with one key (AES-256-GCM)."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(key).digest())

    def seal(self, scope: str, values: Sequence[Any]) -> str:
        """The cursor that holds ``values`` and is valid for ``scope``."""
        body = orjson.dumps([_to_json(value) for value in values])
        nonce = secrets.token_bytes(_NONCE_BYTES)
        raw = nonce + self._cipher.encrypt(nonce, body, scope.encode())
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
        nonce, body = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        try:
            body = self._cipher.decrypt(nonce, body, scope.encode())
        except InvalidTag:
            raise ValueError("not sealed by us") from None
        return [_from_json(value) for value in orjson.loads(body)]


@cache
def own_seal() -> CursorSeal:
    """The seal of this service, derived from its ``vault_key`` secret.

    Every process of the service has the same, so that a page may be asked of
    another replica than the page before.

    Raises:
        MissingSettingError: There is no such secret.
    """
    return CursorSeal(f"rapport cursor\n{setting('VAULT_KEY')}".encode())


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


def resumed(scope: str, cursor: str | None) -> Any:
    """Behind which value a list in the order of one goes on; None at its beginning.

    Raises:
        InvalidInputError: 400 ``invalid_cursor``.
    """
    if cursor is None:
        return None
    try:
        (value,) = own_seal().open(scope, cursor)
    except ValueError:
        message = "Give next_cursor of a page of this list, with the same parameters."
        error: FieldError = {
            "field": "cursor",
            "code": "invalid_cursor",
            "message": message,
        }
        raise bad_request("invalid_cursor", message, [error]) from None
    return value
