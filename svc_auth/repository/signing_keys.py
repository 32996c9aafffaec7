"""Where the keys are kept that sign access tokens."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection
from chassis.repository import Repository
from svc_auth.domain.signing_keys import SigningKey

__all__ = ["SIGNING_KEYS", "SigningKeyRepository"]

SIGNING_KEYS: Final = Collection("signing_keys", (PENDING_INDEX,))
# As many as anybody will ever have made by hand.
_MOST: Final = 1_000


class SigningKeyRepository(Repository[SigningKey]):
    """The installation's keys; they belong to the system's organization."""

    collection = SIGNING_KEYS
    noun = "signing_key"
    resource = "signing-keys"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity = SigningKey

    def all(self) -> list[SigningKey]:
        """Every key that there ever was, the oldest first."""
        rows = self._rows.find({}, [("_id", 1)], _MOST)
        return [self.restore(row) for row in rows]
