"""The keys that sign for people, as of a moment ago.

The key that the installation was set up with is among its secrets; those that
came later are in the database, encrypted like what is known about people.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm
from nameko.extensions import DependencyProvider

from chassis.config import setting
from chassis.context import Context
from chassis.key_set import KeySet
from chassis.mongo import MongoDatabase
from chassis.signer import Signer
from chassis.signing import own_signer
from chassis.vault import SUBJECT_KEYS, Vault
from svc_auth.domain.signing_keys import (
    SYSTEM_ORG_ID,
    SigningKey,
    current_key,
    keys_in_use,
)
from svc_auth.repository.signing_keys import SigningKeyRepository

__all__ = ["Keyring", "KeyringProvider"]

# Far less than a new key is announced before it signs.
_FRESH_S: Final = 1.0
_LABEL: Final = "signing_key"


class Keyring:
    """Signs with the current key, and tells which ones verify.

    Every process looks into the database when it signs, once a second at most.
    """

    def __init__(
        self, repository: SigningKeyRepository, vault: Vault, first: Signer
    ) -> None:
        self._repository = repository
        self._vault = vault
        self._first = first
        self._signers = {first.key_id: first}
        self._keys: Sequence[SigningKey] = ()
        self._fresh_until = 0.0

    def signer(self) -> Signer:
        """Whoever signs now.

        Raises:
            PyMongoError: The database does not say who that is.
        """
        key = current_key(self.keys(), datetime.now(UTC))
        if key is None:
            return self._first
        if key.key_id not in self._signers:
            self._signers[key.key_id] = self._first.with_key(
                key.key_id, self._private(key)
            )
        return self._signers[key.key_id]

    def keys(self) -> Sequence[SigningKey]:
        """All keys, the oldest first; none before the first rotation."""
        if time.monotonic() >= self._fresh_until:
            self._keys = self._repository.all()
            self._fresh_until = time.monotonic() + _FRESH_S
        return self._keys

    def public_document(self) -> dict[str, Any]:
        """The JWK set (RFC 7517 section 5) that verifies now and soon."""
        keys = self.keys()
        if not keys:
            return self._first.keys.public_document(self._first.issuer)
        in_use = keys_in_use(keys, datetime.now(UTC))
        return {"keys": [dict(key.public) for key in in_use]}

    @property
    def issuer_url(self) -> str:
        """Who signs, as tokens and metadata call it (``iss``)."""
        return self._first.keys.issuer_url

    def sign_id_token(self, claims: Mapping[str, Any]) -> str:
        """An ID token (OpenID Connect Core section 2); no access token."""
        return self.signer().sign_claims({"iss": self.issuer_url, **claims}, "JWT")

    def verifier(self) -> KeySet:
        """What verifies the access tokens that were signed here."""
        return self._first.keys.with_keys_of(self._first.issuer, self.public_document())

    def forget(self) -> None:
        """Look into the database when asked the next time."""
        self._fresh_until = 0.0

    def first_public(self) -> dict[str, str]:
        """The public key that the installation was set up with."""
        document = self._first.keys.public_document(self._first.issuer)
        return next(jwk for jwk in document["keys"] if jwk["kid"] == self._first.key_id)

    def generate(self, key_id: str) -> tuple[dict[str, str], bytes]:
        """A new key: the public half as a JWK, the private one encrypted."""
        private = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        pem = private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        subject = self._vault.keys_of([(SYSTEM_ORG_ID, key_id)])[key_id]
        sealed = self._vault.encrypt(subject, pem, _LABEL)
        return {**public, "kid": key_id, "alg": "ES256", "use": "sig"}, sealed

    def _private(self, key: SigningKey) -> ec.EllipticCurvePrivateKey:
        subject = self._vault.find_key(key.key_id)
        if subject is None or key.private is None:
            raise LookupError(f"The private half of {key.key_id} is gone.")
        pem = self._vault.decrypt(subject, key.private, _LABEL)
        private = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key.key_id} is no key for ES256.")
        return private


class KeyringProvider(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`Keyring`."""

    mongo = MongoDatabase()

    def setup(self) -> None:
        """Load the first key; the others are looked for when they are needed."""
        self._first = own_signer()

    def start(self) -> None:
        """Prepare; nothing is asked of the database yet."""
        database = self.mongo.database
        self._keyring = Keyring(
            SigningKeyRepository(database, _system_context()),
            Vault(database[SUBJECT_KEYS.name], setting("VAULT_KEY")),
            self._first,
        )

    def get_dependency(self, _worker_ctx: Any) -> Keyring:
        """The same for every worker."""
        return self._keyring


def _system_context() -> Context:
    return Context(
        caller=None,
        org_id=SYSTEM_ORG_ID,
        actor={"type": "service", "id": "service:auth"},
        operation_id="",
        request_id="",
        traceparent="",
        deadline=0.0,
    )
