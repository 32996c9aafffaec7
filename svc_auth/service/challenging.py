"""How messages to people are asked for; svc_notify sends them."""

from contextlib import AbstractContextManager

from chassis import inject
from chassis.ids import new_id
from chassis.mongo import Repositories
from svc_auth import events
from svc_auth.domain.challenges import (
    CHALLENGE_LIFE,
    MOST_CHALLENGES,
    Challenge,
    ChallengeKind,
    NoticeKind,
)
from svc_auth.domain.people import Person
from svc_auth.domain.signing_keys import SYSTEM_ORG_ID
from svc_auth.repository.challenges import ChallengeRepository
from svc_auth.service.dependencies import Dependencies

__all__ = ["Challenging"]


class Challenging(Dependencies):
    """What several mixins have sent."""

    challenges: ChallengeRepository = inject(Repositories(ChallengeRepository))

    def notify(self, person: Person, kind: NoticeKind) -> None:
        """Tell somebody, at the address that they had, what has changed."""
        self.issue_challenge(kind, person.email, person, is_limited=False)

    def issue_challenge(
        self,
        kind: ChallengeKind,
        email: str,
        person: Person | None = None,
        *,
        invitation: tuple[str, str] | tuple[None, None] = (None, None),
        is_limited: bool = True,
    ) -> None:
        """Have a message sent, unless enough were.

        Args:
            kind: What it is about.
            email: Where it goes.
            person: Whom it is about, if that is known.
            invitation: Organization and id of what it invites to.
            is_limited: Whether it counts how many were sent there lately.
        """
        now = self.context.now()
        challenge = Challenge(
            id=new_id(),
            kind=kind,
            email=email,
            created_at=now,
            updated_at=now,
            expires_at=now + CHALLENGE_LIFE[kind],
            invitation_org_id=invitation[0],
            invitation_id=invitation[1],
        )
        if person is not None:
            challenge = challenge.about(person)
        with self.of_the_system():
            for most, within in MOST_CHALLENGES if is_limited else ():
                sent = self.challenges.count_since(kind, email, now - within, most)
                if sent >= most:
                    return
            self.challenges.add(challenge, events.challenge_issued(challenge))

    def of_the_system(self) -> AbstractContextManager[None]:
        """Work on what belongs to no organization of customers."""
        return self.context.in_org(SYSTEM_ORG_ID)
