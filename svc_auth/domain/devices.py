"""Applications on devices without a browser, and the codes people type (RFC 8628)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from svc_auth.domain.oauth import AuthorizationCode
from svc_auth.domain.sessions import PASSWORD

__all__ = [
    "DEVICE_LIFE",
    "INTERVAL_S",
    "LONGEST_INTERVAL_S",
    "MOST_OPEN",
    "REMEMBERED_LIFE",
    "DeviceRequest",
    "DeviceStatus",
    "new_user_code",
    "read_user_code",
    "spelled",
]

DEVICE_LIFE: Final = timedelta(minutes=10)
# For as long it is told from what never was, and noticed if it comes twice.
REMEMBERED_LIFE: Final = timedelta(hours=1)
INTERVAL_S: Final = 5
LONGEST_INTERVAL_S: Final = 60
# How many of one application may wait for somebody that came from one address.
MOST_OPEN: Final = 100
# Consonants, of which no word is made; 20^8 codes (RFC 8628 §6.1).
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8

DeviceStatus = Literal["pending", "allowed", "denied", "spent"]


@dataclass(frozen=True, kw_only=True)
class DeviceRequest:
    """What a device asks for, until it fetches its tokens.

    Attributes:
        asker: Which application it is, from which address, as a hash.
        interval_s: How long it has to wait between two questions.
        asked_at: When it asked last.
        session_id: Of the session in which the tokens will be.
        person_id: Who has decided, and the rest about their sign-in.
    """

    client_id: str
    asker: str
    org_id: str
    scope: tuple[str, ...]
    session_id: str
    expires_at: datetime
    status: DeviceStatus = "pending"
    interval_s: int = INTERVAL_S
    asked_at: datetime | None = None
    person_id: str = ""
    authenticated_at: datetime | None = None
    login_id: str = ""
    login_org_id: str = ""
    methods: tuple[str, ...] = PASSWORD
    decided_by: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether somebody may still decide."""
        return self.status == "pending" and now < self.expires_at

    def is_hasty(self, now: datetime) -> bool:
        """Whether the device asks sooner than it was told to."""
        wait = timedelta(seconds=self.interval_s)
        return self.asked_at is not None and now < self.asked_at + wait

    def granted(self) -> AuthorizationCode:
        """What the person has let the device do, as any other application."""
        return AuthorizationCode(
            client_id=self.client_id,
            org_id=self.org_id,
            person_id=self.person_id,
            redirect_uri="",
            scope=self.scope,
            challenge="",
            nonce=None,
            authenticated_at=self.authenticated_at or self.expires_at,
            session_id=self.session_id,
            expires_at=self.expires_at,
            login_id=self.login_id,
            login_org_id=self.login_org_id,
            methods=self.methods,
        )


def new_user_code() -> str:
    """A code that a person can read off a device and type."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def spelled(user_code: str) -> str:
    """A code as it is shown."""
    half = _LENGTH // 2
    return f"{user_code[:half]}-{user_code[half:]}"


def read_user_code(typed: str) -> str | None:
    """The code, however somebody typed it; None if it cannot be one."""
    code = "".join(each for each in typed.upper() if each.isalnum())
    return code if len(code) == _LENGTH and set(code) <= set(_LETTERS) else None
