"""Links by e-mail: whoever follows one reads what is sent to an address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from chassis.errors import InvalidInputError, invalid_field
from svc_auth.domain.invitations import INVITATION_LIFE
from svc_auth.domain.people import Person
from svc_auth.domain.records import ChangingRecord

__all__ = [
    "CHALLENGE_LIFE",
    "MOST_CHALLENGES",
    "Challenge",
    "ChallengeKind",
    "NoticeKind",
    "link_invalid",
]

NoticeKind = Literal["password_changed", "email_changed", "second_factor_changed"]
ChallengeKind = (
    Literal["password_reset", "email_verification", "email_change", "invitation"]
    | NoticeKind
)

CHALLENGE_LIFE: Final[Mapping[ChallengeKind, timedelta]] = {
    "password_reset": timedelta(hours=1),
    "email_verification": timedelta(days=3),
    "email_change": timedelta(days=1),
    "invitation": INVITATION_LIFE,
    # Notices hold no link; later than that they are news to nobody.
    "password_changed": timedelta(days=1),
    "email_changed": timedelta(days=1),
    "second_factor_changed": timedelta(days=1),
}
# How many of a kind are sent to one address, and within what time.
MOST_CHALLENGES: Final = ((1, timedelta(minutes=1)), (5, timedelta(hours=1)))


@dataclass(frozen=True, kw_only=True)
class Challenge(ChangingRecord):
    """A link that is sent to an address, and is good once; or a mere notice.

    Attributes:
        email: Where it is sent.
        person_id: Whom it is about; None for a reset of a password, until it
            is sent: whoever asks for one is told nothing of who is registered.
        credentials: The number of that person's credentials then. With others
            it is void.
        invitation_id: What may be accepted with it.
        invitation_org_id: Whose invitation that is.
        spent_by: The message that brought the request which answered it.
    """

    kind: ChallengeKind
    email: str
    person_id: str | None = None
    credentials: int = 0
    invitation_id: str | None = None
    invitation_org_id: str | None = None
    expires_at: datetime
    spent_at: datetime | None = None
    spent_by: str | None = None
    owner_id: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether its link is good, as far as one can tell by itself."""
        return self.spent_at is None and now < self.expires_at

    def about(self, person: Person) -> "Challenge":
        """The challenge, once it is known whom it is about."""
        return replace(self, person_id=person.id, credentials=person.credentials)

    def spent(self, message: str, now: datetime) -> "Challenge":
        """The challenge, answered by what a message brought.

        Raises:
            InvalidInputError: ``link_invalid``: it was before, or is too old.
        """
        if not self.is_open(now):
            raise link_invalid()
        return replace(self, spent_at=now, spent_by=message, updated_at=now)


def link_invalid() -> InvalidInputError:
    """What is wrong with a link is nobody's business: ``link_invalid``."""
    message = "This link is not good any more: ask for another."
    return invalid_field("link_invalid", message, field="token")
