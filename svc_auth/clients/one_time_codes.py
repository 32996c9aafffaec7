"""Codes of authenticators (TOTP, RFC 6238): SHA-1, six digits, thirty seconds.

That is what every authenticator can do, some of them nothing else.
"""

import base64
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

__all__ = ["matching_step", "new_recovery_code", "new_secret", "provisioning_uri"]

_ISSUER: Final = "Rapport"
_DIGITS: Final = 6
_STEP_S: Final = 30
# Clocks may differ by so many steps (RFC 6238 §5.2).
_TOLERANCE: Final = 1
# RFC 4226 §4 recommends 160 bits.
_SECRET_BYTES: Final = 20
_RECOVERY_BYTES: Final = 10


def new_secret() -> bytes:
    """What a new authenticator is to know."""
    return secrets.token_bytes(_SECRET_BYTES)


def new_recovery_code() -> str:
    """80 random bits in four groups of four letters and digits (base32)."""
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def provisioning_uri(secret: bytes, account: str) -> str:
    """What an authenticator reads from a QR code (``otpauth://totp/…``)."""
    return _totp(secret).get_provisioning_uri(account, _ISSUER)


def matching_step(secret: bytes, code: str, now_s: float) -> int | None:
    """The step of time whose code this is; None if it is that of no near one.

    Args:
        secret: What the authenticator knows.
        code: What somebody typed.
        now_s: Seconds since the epoch.
    """
    totp, current = _totp(secret), int(now_s) // _STEP_S
    matching = None
    # Each of them is compared, so that the time tells nothing.
    for step in range(current - _TOLERANCE, current + _TOLERANCE + 1):
        expected = totp.generate(step * _STEP_S)
        if hmac.compare_digest(expected, code.encode()):
            matching = step
    return matching


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), _STEP_S)  # noqa: S303 - as in RFC 6238
