"""Signing tokens with one private key; see ``chassis.auth`` for their shape."""

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chassis.auth import AUDIENCE, KIND, OWN_CLIENT, Reach
from chassis.ids import new_id
from chassis.key_set import ALGORITHM, KeySet

__all__ = ["Signer"]


class Signer:
    """Signs tokens with one private key (P-256, PEM)."""

    def __init__(self, path: Path, keys: KeySet) -> None:
        """Load the key and find its id in ``keys``.

        Raises:
            ValueError: The key is not a P-256 key, or ``keys`` lacks it.
        """
        private = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{path} holds no elliptic-curve key.")  # noqa: TRY004
        self._private = private
        self.keys = keys
        numbers = private.public_key().public_numbers()
        for key_id, key in keys._keys.items():  # noqa: SLF001
            if key.public.public_numbers() == numbers:
                self.key_id = key_id
                self.issuer = key.issuer
                self._allowed = key.grants
                break
        else:
            raise ValueError(f"{path} is not in the key set.")

    def with_key(self, key_id: str, private: ec.EllipticCurvePrivateKey) -> "Signer":
        """One that signs for the same issuer with another key."""
        other = copy.copy(self)
        other.key_id = key_id
        other._private = private  # noqa: SLF001 - our own
        return other

    def sign(
        self,
        *,
        subject: str,
        org_id: str,
        grants: Mapping[str, Reach],
        lifetime_s: int,
        session_id: str | None = None,
        **facts: Any,
    ) -> str:
        """A token for ``subject`` that lives ``lifetime_s`` seconds from now.

        Args:
            subject: The principal's id.
            org_id: Where it acts.
            grants: What it may do there.
            lifetime_s: Seconds, from now.
            session_id: What the token hangs on, if that can be revoked.
            facts: Further claims: ``roles``, ``team_ids``, ``currency``,
                ``time_zone``, ``first_weekday``, ``kind`` (of the session),
                ``client_id``, ``scope``, ``fields`` (see
                ``chassis.restrictions``), and ``rights_at``, as of when the
                grants are, which is now unless it is given.
        """
        now = time.time()
        issued_at = int(now)
        claims = {
            "rights_at": round(now, 3),
            "client_id": OWN_CLIENT,
            **{name: fact for name, fact in facts.items() if fact is not None},
            "iss": self.keys.issuer_url,
            "aud": AUDIENCE,
            "sub": subject,
            "org_id": org_id,
            "sid": session_id,
            "grants": dict(grants),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + lifetime_s,
            "jti": new_id(),
        }
        return self.sign_claims(claims, KIND)

    def sign_claims(self, claims: Mapping[str, Any], kind: str) -> str:
        """A JWT of another kind than an access token, by its ``typ``."""
        return jwt.encode(
            dict(claims),
            self._private,
            algorithm=ALGORITHM,
            headers={"kid": self.key_id, "typ": kind},
        )

    def sign_as_self(self, org_id: str, lifetime_s: int = 60) -> str:
        """A token with which this service or the operator acts in ``org_id``."""
        subject = self.issuer if self.issuer == "operator" else f"service:{self.issuer}"
        return self.sign(
            subject=subject,
            org_id=org_id,
            grants=dict.fromkeys(sorted(self._allowed), "all"),
            lifetime_s=lifetime_s,
        )
