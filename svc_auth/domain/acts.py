"""What somebody did that changed no record with events of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from svc_auth.domain.records import ChangingRecord

__all__ = ["ACT_LIFE", "FORGOTTEN_ACT_LIFE", "Act"]

# The event stays; what brought it into the log need not.
ACT_LIFE: Final = timedelta(days=30)
# Of what has no event.
FORGOTTEN_ACT_LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Act(ChangingRecord):
    """An act; there is an event that tells of it.

    Attributes:
        owner_id: Whom it concerns, if anybody who is known.
        client_id: Which application, if one.
        reason: Which way, or why, in a word.
    """

    owner_id: str | None = None
    client_id: str | None = None
    reason: str | None = None
    expires_at: datetime
