"""What programs act with: personal access tokens, and keys of service accounts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from svc_auth.domain.sessions import Session

__all__ = [
    "EXCHANGED_LIFE",
    "LONGEST_LIFE",
    "MOST",
    "MOST_KEYS",
    "PREFIX",
    "SERVICE_PREFIX",
    "new_token",
]

# Tell scanners of leaked secrets, and the gateway, what it is.
PREFIX: Final = "rpat_"
SERVICE_PREFIX: Final = "rsvc_"
LONGEST_LIFE: Final = timedelta(days=366)
# Of the signed token that it is exchanged for.
EXCHANGED_LIFE: Final = timedelta(minutes=5)
# Live ones of one person in one organization.
MOST: Final = 50
# Live ones of one service account.
MOST_KEYS: Final = 10


def new_token(
    session_id: str,
    *,
    kind: str,
    owner_id: str,
    name: str,
    scope: Sequence[str] | None,
    expires_at: datetime,
    token: str,
    now: datetime,
) -> Session:
    """The session that stands behind a token.

    Args:
        session_id: Its id.
        kind: ``personal_token`` or ``service_account``.
        owner_id: The person or service account whose it is.
        name: What it is called.
        scope: Permissions that it is narrowed to, if it is.
        expires_at: From when on it is not good any more.
        token: The secret; only its beginning is kept.
        now: The current time.
    """
    return Session(
        id=session_id,
        owner_id=owner_id,
        kind=kind,
        name=name,
        hint=token[: len(PREFIX) + 4],
        scope=None if scope is None else tuple(scope),
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
    )
