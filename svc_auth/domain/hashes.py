"""How secrets are kept that nobody can guess."""

import hashlib

__all__ = ["hash_of"]


def hash_of(secret: str) -> str:
    """The hash by which a secret of 256 random bits is kept and found (SHA-256)."""
    return hashlib.sha256(secret.encode()).hexdigest()
