"""The small print of OAuth 2.0, as Authlib reads it."""

from typing import Final

from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.util import create_half_hash

__all__ = ["basic_credentials", "challenge_of", "half_hash"]

_ALGORITHM: Final = "ES256"


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Name and password of an ``Authorization`` header, if it has such.

    What cannot be read is as good as none (Authlib has no word of its own for it).
    """
    try:
        name, password = extract_basic_authorization({"Authorization": authorization})
    except ValueError:
        return None
    return None if name is None or password is None else (name, password)


def challenge_of(verifier: str) -> str:
    """What a program that knows ``verifier`` sent ahead (RFC 7636 §4.2, S256)."""
    challenge: str = create_s256_code_challenge(verifier)
    return challenge


def half_hash(token: str) -> str:
    """The ``at_hash`` of an access token (OpenID Connect Core §3.1.3.6)."""
    hashed: bytes = create_half_hash(token, _ALGORITHM)
    return hashed.decode()
