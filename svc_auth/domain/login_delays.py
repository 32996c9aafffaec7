"""How long an account refuses to look at passwords after wrong ones.

Delays grow and end by themselves: nobody can lock an owner out for good, and
an address from which the owner logged in before does not wait at all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

__all__ = ["FORGOTTEN_AFTER", "MOST_ADDRESSES", "LoginDelay", "delay_after"]

FORGOTTEN_AFTER: Final = timedelta(days=30)
MOST_ADDRESSES: Final = 10
_FREE_FAILURES: Final = 5
_LONGEST: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class LoginDelay:
    """What is remembered of an account's logins, whether or not there is one.

    Attributes:
        failures: Wrong passwords since the last right one.
        blocked_until: Until then no password is looked at.
        addresses: Whence right ones came, by hash.
    """

    failures: int = 0
    blocked_until: datetime | None = None
    addresses: tuple[str, ...] = ()

    def wait_s(self, address: str, now: datetime) -> int:
        """How many seconds are left for somebody at this address; 0 for none."""
        if self.blocked_until is None or address in self.addresses:
            return 0
        left = (self.blocked_until - now).total_seconds()
        return max(0, int(left) + (left > int(left)))


def delay_after(failures: int) -> timedelta:
    """None for the first five, then a second, doubled each time, to 15 minutes."""
    beyond = failures - _FREE_FAILURES
    if beyond <= 0:
        return timedelta(0)
    # No power of two that nobody waits for anyway.
    return min(timedelta(seconds=2 ** min(beyond - 1, 20)), _LONGEST)
