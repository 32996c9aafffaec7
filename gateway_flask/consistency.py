"""``X-Consistency-Token``: what a write left behind, to be read elsewhere.

Binary in base64url, opaque to clients and valid in one organization only::

    kind (1), CRC-32 of organization and what follows (4), then
    kind 1: for each record its id (16), version (4) and sequence (4)
    kind 2: operation id (16), number of records (4), sum of sequences (4)

The second kind stands for more records than fit into a header. A token is no
secret and needs no signature: a forged one makes its own reader wait.
"""

import base64
import binascii
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from chassis.effects import Effect
from chassis.errors import bad_request
from chassis.events import event_id

__all__ = ["HEADER", "MOST_RECORDS", "Token"]

HEADER: Final = "X-Consistency-Token"
MOST_RECORDS: Final = 24
_LONGEST: Final = 1_000
_FEW: Final = 1
_MANY: Final = 2
_ROW: Final = struct.Struct(">16sII")
_HEAD: Final = struct.Struct(">BI")


@dataclass(frozen=True)
class Token:
    """What a reader wants to see at least.

    Attributes:
        effects: The records that were written, unless they are too many.
        operation: Otherwise ``(operation id, records, sum of sequences)``.
    """

    effects: tuple[Effect, ...] = ()
    operation: tuple[str, int, int] | None = None

    @classmethod
    def of(cls, effects: Sequence[Effect], operation_id: str) -> "Token":
        """The token of one operation with these effects."""
        if len(effects) <= MOST_RECORDS:
            return cls(tuple(effects))
        announced = [each.sequence for each in effects if each.sequence]
        return cls((), (operation_id, len(announced), sum(announced)))

    def write(self, org_id: str) -> str:
        """The header's value."""
        if self.operation is None:
            kind, rows = _FEW, self.effects
        else:
            kind, rows = _MANY, (Effect(*self.operation),)
        body = b"".join(
            _ROW.pack(uuid.UUID(each.record_id).bytes, each.version, each.sequence)
            for each in rows
        )
        raw = _HEAD.pack(kind, _checksum(org_id, body)) + body
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @classmethod
    def read(cls, text: str, org_id: str) -> "Token":
        """The token in a request's header.

        Raises:
            InvalidInputError: 400 ``consistency_token_invalid``: it was not
                given by us, or to another organization.
        """
        try:
            return cls._read(text, org_id)
        except (ValueError, binascii.Error, struct.error):
            raise bad_request(
                "consistency_token_invalid",
                f"{HEADER} takes what an answer to a write had there.",
                [{"field": HEADER, "code": "consistency_token_invalid"}],
            ) from None

    @classmethod
    def _read(cls, text: str, org_id: str) -> "Token":
        if len(text) > _LONGEST:
            raise ValueError("too long")
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        kind, checksum = _HEAD.unpack_from(raw)
        body = raw[_HEAD.size :]
        if checksum != _checksum(org_id, body):
            raise ValueError("of another organization, or of nobody")
        rows = tuple(_effect(row) for row in _ROW.iter_unpack(body))
        if kind == _FEW and 1 <= len(rows) <= MOST_RECORDS:
            return cls(rows)
        if kind == _MANY and len(rows) == 1:
            return cls((), (rows[0].record_id, rows[0].version, rows[0].sequence))
        raise ValueError("of a kind that we do not know")

    @property
    def events(self) -> list[str]:
        """The ids of the events to wait for, where they are named."""
        return [
            event_id(each.record_id, each.sequence)
            for each in self.effects
            if each.sequence
        ]

    def allows(self, record_id: str, version: int) -> bool:
        """Whether this version of a record is new enough."""
        return self.operation is None and all(
            version >= each.version
            for each in self.effects
            if each.record_id == record_id
        )


def _checksum(org_id: str, body: bytes) -> int:
    return zlib.crc32(org_id.encode() + body)


def _effect(row: tuple[Any, ...]) -> Effect:
    return Effect(str(uuid.UUID(bytes=row[0])), row[1], row[2])
