"""The keys that verify tokens, and who may sign with each.

A key says who may sign with it: ``auth`` signs for people, the operator and each
service only for themselves, so that no service can speak for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["ALGORITHM", "Key", "KeySet"]

ALGORITHM: Final = "ES256"


@dataclass(frozen=True)
class Key:
    """A public key, whose tokens may say that they are of its issuer's.

    Attributes:
        public: What verifies signatures.
        issuer: Who signs with it.
        grants: What its tokens may grant at most; with ``"*"`` anything.
        jwk: The key as the set's document has it.
    """

    public: ec.EllipticCurvePublicKey
    issuer: str
    grants: frozenset[str]
    jwk: Mapping[str, Any]


class KeySet:
    """The public keys that this process trusts, by key id.

    Attributes:
        issuer_url: What tokens call the one who issued them (``iss``).
    """

    def __init__(self, document: Mapping[str, Any], issuer_url: str) -> None:
        self.issuer_url = issuer_url
        self._keys: dict[str, Key] = {}
        for jwk in document["keys"]:
            public = jwt.PyJWK(dict(jwk), algorithm=ALGORITHM).key
            self._keys[jwk["kid"]] = Key(
                public, jwk["rapport_issuer"], frozenset(jwk["rapport_grants"]), jwk
            )

    @classmethod
    def load(cls, path: Path, issuer_url: str) -> "KeySet":
        """Read a key set as ``./crm up`` or the init job wrote it."""
        return cls(orjson.loads(path.read_bytes()), issuer_url)

    def find(self, key_id: object) -> Key | None:
        """The key of that id, if it is known."""
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    def with_keys_of(self, issuer: str, document: Mapping[str, Any]) -> "KeySet":
        """The same, but with other keys of one issuer.

        They may grant what that issuer's keys may in this set. A key id of
        another issuer stays that issuer's.

        Args:
            issuer: Whose keys are replaced.
            document: All of them, a JWK set (RFC 7517 §5).

        Raises:
            LookupError: A key lacks its id.
            PyJWTError: A key cannot be read.
        """
        ours = [key for key in self._keys.values() if key.issuer == issuer]
        grants = sorted(frozenset().union(*(key.grants for key in ours)))
        others = [key.jwk for key in self._keys.values() if key.issuer != issuer]
        taken = {jwk["kid"] for jwk in others}
        own = {"rapport_issuer": issuer, "rapport_grants": grants}
        new = [{**jwk, **own} for jwk in document["keys"] if jwk["kid"] not in taken]
        return KeySet({"keys": [*others, *new]}, self.issuer_url)

    def public_document(self, issuer: str) -> dict[str, Any]:
        """The JWK set (RFC 7517 §5) of one issuer, without our own members."""
        return {
            "keys": [
                {
                    name: value
                    for name, value in key.jwk.items()
                    if not name.startswith("rapport_")
                }
                for key in self._keys.values()
                if key.issuer == issuer
            ]
        }
