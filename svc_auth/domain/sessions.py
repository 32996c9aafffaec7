"""Logins: what was issued since somebody proved who they are."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from svc_auth.domain.people import Membership

__all__ = [
    "ACCESS_TOKEN_LIFE",
    "MOST_SESSIONS",
    "PASSWORD",
    "REFRESH_TOKEN_LIFE",
    "SESSION_LIFE",
    "TWO_FACTORS",
    "Proof",
    "RefreshToken",
    "Session",
]

ACCESS_TOKEN_LIFE: Final = timedelta(minutes=15)
REFRESH_TOKEN_LIFE: Final = timedelta(days=14)
# However often it is refreshed.
SESSION_LIFE: Final = timedelta(days=90)
# Of one kind, of one person in one organization. Beyond, those go that were used
# longest ago, so that whatever ends all of them at once can.
MOST_SESSIONS: Final = 200
# How somebody has proved who they are (RFC 8176 §2).
PASSWORD: Final = ("pwd",)
TWO_FACTORS: Final = ("pwd", "otp", "mfa")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """That somebody is who they say: what a session begins with.

    Attributes:
        membership: As what they come in.
        credentials: The number of the person's credentials that proved it.
        methods: By what, as RFC 8176 §2 calls it.
    """

    membership: Membership
    credentials: int
    methods: tuple[str, ...] = PASSWORD


@dataclass(frozen=True, kw_only=True)
class Session:
    """A login, or something else that tokens hang on and that can be revoked.

    Attributes:
        owner_id: The person who logged in.
        kind: ``login``, ``oauth`` (an application that the person let in),
            ``client`` (one that acts for itself), ``personal_token``, or
            ``service_account`` (a key of one).
        name: What the person calls a personal token.
        hint: How a personal token begins, to recognize it by.
        client_id: The application's.
        redirect_uri: Where the application was called back when the person let
            it in; None for a device, or one that was let in before this was kept.
        address: Where the person logged in from; empty if nobody knows.
        user_agent: With what, as it says itself.
        last_used_at: When it was refreshed last.
        scope: What its tokens are narrowed to; None for all that the person
            may do.
        revoked_because: ``logout``, ``refresh_token_reused``, ``revoked``,
            ``deactivated``, ``password_changed``, ``password_reset``,
            ``email_changed``, ``second_factor_changed``, ``too_many``, or
            ``credentials_changed``: they had when the session was about to begin.
    """

    id: str
    owner_id: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    kind: str = "login"
    name: str | None = None
    hint: str | None = None
    client_id: str | None = None
    redirect_uri: str | None = None
    address: str = ""
    user_agent: str = ""
    last_used_at: datetime | None = None
    scope: tuple[str, ...] | None = None
    revoked_at: datetime | None = None
    revoked_because: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0

    def is_live(self, now: datetime) -> bool:
        """Whether tokens are still issued in it."""
        return self.revoked_at is None and now < self.expires_at

    def revoked(self, reason: str, now: datetime) -> "Session":
        """The session, ended; the same if it was before."""
        if self.revoked_at is not None:
            return self
        return replace(self, revoked_at=now, revoked_because=reason, updated_at=now)


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    """One link in the chain of a session; spent when it has a successor."""

    person_id: str
    org_id: str
    session_id: str
    expires_at: datetime
    is_spent: bool
