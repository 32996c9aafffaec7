"""A second proof at each login: codes that change, and some for emergencies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = ["RECOVERY_CODES", "SecondFactor", "spelled_recovery_code"]

# How many there are; each is good once.
RECOVERY_CODES: Final = 10


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """What somebody's authenticator knows as well (RFC 6238).

    Attributes:
        secret: What the codes are made from.
        confirmed_at: Since when it is asked for; None until a first code has
            shown that the authenticator has it.
        failures: Wrong codes since the last right one.
        blocked_until: Until then no code is looked at.
        recovery_codes_left: How many may still be used.
    """

    person_id: str
    secret: bytes
    confirmed_at: datetime | None = None
    failures: int = 0
    blocked_until: datetime | None = None
    recovery_codes_left: int = 0

    def wait_s(self, now: datetime) -> int:
        """How many seconds are left until a code is looked at; 0 for none."""
        if self.blocked_until is None or self.blocked_until <= now:
            return 0
        return int((self.blocked_until - now).total_seconds()) + 1


def spelled_recovery_code(typed: str) -> str:
    """A recovery code in its one spelling, however somebody typed it."""
    return "".join(typed.split()).replace("-", "").upper()
