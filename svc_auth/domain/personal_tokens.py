"""What programs act with: personal access tokens, and keys of service accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from svc_auth.domain.sessions import Session

__all__ = [
    "EXCHANGED_LIFE",
    "LONGEST_LIFE",
    "PERSONAL",
    "PREFIXES",
    "SERVICE_KEY",
    "TokenKind",
    "new_token",
]

LONGEST_LIFE: Final = timedelta(days=366)
# Of the signed token that it is exchanged for.
EXCHANGED_LIFE: Final = timedelta(minutes=5)
_SHOWN: Final = 4


@dataclass(frozen=True)
class TokenKind:
    """A kind of token that programs act with.

    Attributes:
        kind: Of the session that stands behind it.
        prefix: Tells scanners of leaked secrets, and the gateway, what it is.
        most: So many live ones one owner has in one organization.
    """

    kind: str
    prefix: str
    most: int


PERSONAL: Final = TokenKind("personal_token", "rpat_", 50)
SERVICE_KEY: Final = TokenKind("service_account", "rsvc_", 10)
PREFIXES: Final = (PERSONAL.prefix, SERVICE_KEY.prefix)


def new_token(
    session_id: str,
    *,
    kind: TokenKind,
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
        kind: Which kind of token.
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
        kind=kind.kind,
        name=name,
        hint=token[: len(kind.prefix) + _SHOWN],
        scope=None if scope is None else tuple(scope),
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
    )
