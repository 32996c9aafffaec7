"""Where challenges are kept; what their links hold is nowhere."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from svc_auth.domain.challenges import Challenge, ChallengeKind

__all__ = ["CHALLENGES", "ChallengeRepository"]

CHALLENGES: Final = Collection(
    "challenges",
    (
        PENDING_INDEX,
        by("email_key", "kind", "created_at"),
        Index((("expires_at", 1),), expires_after_s=0),
    ),
)


class ChallengeRepository(Repository[Challenge]):
    """Challenges of everybody; they belong to the system's organization."""

    collection = CHALLENGES
    noun = "challenge"
    resource = "challenges"
    entity = Challenge
    fields: ClassVar[Mapping[str, Field]] = {}
    is_narrowed = False

    def index_fields(self, entity: Challenge) -> Document:
        """The address in one spelling."""
        return {"email_key": entity.email.casefold()}

    def count_since(
        self, kind: ChallengeKind, email: str, since: datetime, enough: int
    ) -> int:
        """How many of a kind were sent to an address, counting to ``enough``."""
        conditions = {
            "email_key": email.casefold(),
            "kind": kind,
            "created_at": {"$gt": since},
        }
        return self._rows.count(conditions, enough)
