"""Personal values in the event log, readable only while a key lives.

Every data subject has a key of its own (AES-256-GCM), itself encrypted under
the service's vault key. Erasing a person destroys that one row; the log, its
order and its totals stay as they are.
"""

import base64
import secrets
from collections.abc import Iterable
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo.collection import Collection as Rows
from pymongo.errors import BulkWriteError

from chassis.mongo import Collection, Document, Index

__all__ = ["SUBJECT_KEYS", "Vault"]

SUBJECT_KEYS: Final = Collection("subject_keys", (Index((("org_id", 1), ("_id", 1))),))
_NONCE_BYTES: Final = 12
_DUPLICATE_KEY: Final = 11_000


class Vault:
    """Encrypts and decrypts values of one subject at a time.

    Args:
        rows: The service's ``subject_keys``.
        master_key: 32 bytes, base64url; the service's ``vault_key`` secret.
    """

    def __init__(self, rows: Rows[Document], master_key: str) -> None:
        self._rows = rows
        self._master = AESGCM(base64.urlsafe_b64decode(master_key))

    def keys_of(self, subjects: Iterable[tuple[str, str]]) -> dict[str, AESGCM]:
        """The keys of (organization, subject) pairs, made where missing.

        Calling it again, or from two processes at once, gives the same keys.
        """
        wanted = dict.fromkeys(subjects)
        if not wanted:
            return {}
        ids = [subject for _, subject in wanted]
        known = self._read(ids)
        missing = [pair for pair in wanted if pair[1] not in known]
        if missing:
            self._make(missing)
            known = self._read(ids)
        return known

    def find_key(self, subject_id: str) -> AESGCM | None:
        """The key of one subject; None if there is none, or none any more."""
        return self._read([subject_id]).get(subject_id)

    def find_keys(self, subject_ids: Iterable[str]) -> dict[str, AESGCM]:
        """The keys of those subjects that have one, or have it still."""
        wanted = list(subject_ids)
        return self._read(wanted) if wanted else {}

    def _read(self, subject_ids: list[str]) -> dict[str, AESGCM]:
        return {
            row["_id"]: AESGCM(self._open(self._master, row["wrapped"], row["_id"]))
            for row in self._rows.find({"_id": {"$in": subject_ids}})
        }

    def _make(self, subjects: list[tuple[str, str]]) -> None:
        rows = [
            {
                "_id": subject,
                "org_id": org_id,
                "wrapped": self._seal(self._master, secrets.token_bytes(32), subject),
            }
            for org_id, subject in subjects
        ]
        try:
            self._rows.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            # Another process was faster with the same subject.
            if any(e["code"] != _DUPLICATE_KEY for e in error.details["writeErrors"]):
                raise

    def encrypt(self, key: AESGCM, value: Any, label: str) -> bytes:
        """Encrypt a JSON value; ``label`` ties it to its place."""
        return self._seal(key, orjson.dumps(value), label)

    def decrypt(self, key: AESGCM, sealed: bytes, label: str) -> Any:
        """The JSON value again.

        Raises:
            ValueError: The key, the label or the text is not the right one.
        """
        return orjson.loads(self._open(key, sealed, label))

    @staticmethod
    def _seal(key: AESGCM, plain: bytes, label: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + key.encrypt(nonce, plain, label.encode())

    @staticmethod
    def _open(key: AESGCM, sealed: bytes, label: str) -> bytes:
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return key.decrypt(nonce, text, label.encode())
        except InvalidTag:
            raise ValueError("This cannot be decrypted with this key.") from None
