"""Personal access tokens: what somebody's own programs act with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from svc_auth.domain.sessions import Session

__all__ = ["EXCHANGED_LIFE", "LONGEST_LIFE", "MOST", "PREFIX", "new_personal_token"]

# Tells scanners of leaked secrets, and the gateway, what it is.
PREFIX: Final = "rpat_"
LONGEST_LIFE: Final = timedelta(days=366)
# Of the signed token that it is exchanged for.
EXCHANGED_LIFE: Final = timedelta(minutes=5)
# Live ones of one person in one organization.
MOST: Final = 50


def new_personal_token(
    session_id: str,
    *,
    owner_id: str,
    name: str,
    scope: Sequence[str],
    expires_at: datetime,
    token: str,
    now: datetime,
) -> Session:
    """The session that stands behind a personal token.

    Args:
        session_id: Its id.
        owner_id: The person whose it is.
        name: What they call it.
        scope: Permissions that it is narrowed to.
        expires_at: From when on it is not good any more.
        token: The secret; only its beginning is kept.
        now: The current time.
    """
    return Session(
        id=session_id,
        owner_id=owner_id,
        kind="personal_token",
        name=name,
        hint=token[: len(PREFIX) + 4],
        scope=tuple(scope),
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
    )
