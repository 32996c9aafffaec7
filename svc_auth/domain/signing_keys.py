"""The keys that sign access tokens, and when each is good for what.

A key is published before it signs, so that everybody knows it by then, and
verifies for as long after its successor took over as its last tokens live.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from svc_auth.domain.sessions import ACCESS_TOKEN_LIFE

__all__ = [
    "SYSTEM_ORG_ID",
    "SigningKey",
    "current_key",
    "keys_in_use",
]

# Keys belong to the whole installation; nobody is a member of this one.
SYSTEM_ORG_ID: Final = "00000000-0000-7000-8000-000000000000"
_OVERLAP: Final = ACCESS_TOKEN_LIFE + timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key pair for ES256 (RFC 7518 section 3.4).

    Attributes:
        key_id: The ``kid`` of its tokens.
        public: The public key, a JWK (RFC 7517).
        private: The private one in PEM, encrypted; None for the key that the
            installation was set up with, which is among its secrets.
        signs_from: From when on it signs, until a later one does.
        retired_at: From when on nothing that it signed is good.
    """

    id: str
    key_id: str
    public: dict[str, str]
    private: bytes | None
    signs_from: datetime
    created_at: datetime
    updated_at: datetime
    retired_at: datetime | None = None
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0

    def retired(self, now: datetime) -> "SigningKey":
        """The key, out of use at once; the same if it was before."""
        if self.retired_at is not None:
            return self
        return replace(self, retired_at=now, updated_at=now)


def current_key(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key that signs now: of those that may, the latest."""
    able = [key for key in keys if key.retired_at is None and key.signs_from <= now]
    return max(able, key=lambda key: (key.signs_from, key.id), default=None)


def keys_in_use(keys: Iterable[SigningKey], now: datetime) -> list[SigningKey]:
    """The keys that verify: those to come, the current one, and recent ones."""
    in_order = sorted(
        (key for key in keys if key.retired_at is None),
        key=lambda key: (key.signs_from, key.id),
    )
    ends = {
        key.id: successor.signs_from + _OVERLAP for key, successor in pairwise(in_order)
    }
    return [key for key in in_order if key.id not in ends or now < ends[key.id]]
