"""How what somebody did about security comes into the audit log."""

from collections.abc import Callable
from datetime import timedelta

from chassis import inject
from chassis.events import Event
from chassis.ids import derive_id
from chassis.mongo import Repositories
from svc_auth import events
from svc_auth.domain.acts import ACT_LIFE, FORGOTTEN_ACT_LIFE, Act
from svc_auth.domain.signing_keys import SYSTEM_ORG_ID
from svc_auth.repository.audit import ActRepository
from svc_auth.repository.people import MembershipsOfPeople
from svc_auth.service.holding import Holding

__all__ = ["Noting"]


class Noting(Holding):
    """Acts that change no record with events of its own."""

    acts: ActRepository = inject(Repositories(ActRepository))
    memberships_of: MembershipsOfPeople = inject(Repositories(MembershipsOfPeople))

    def note(
        self,
        describe: Callable[[Act], Event],
        person_id: str | None = None,
        *,
        client_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record an act in the organization at hand; once for a message.

        Each request is an act of its own, also if several come under one
        ``Idempotency-Key``: whoever guesses passwords would not be seen.

        Args:
            describe: Its event.
            person_id: Whom it concerns.
            client_id: Which application.
            reason: Which way, or why, in a word.
        """
        act = self._act(
            describe.__name__,
            person_id,
            ACT_LIFE,
            client_id=client_id,
            reason=reason,
        )
        self.acts.add(act, describe(act))

    def note_everywhere(
        self,
        describe: Callable[[Act], Event],
        person_id: str,
        reason: str | None = None,
    ) -> None:
        """Record an act in all organizations of the person it concerns."""
        for org_id in self.memberships_of.org_ids(person_id):
            with self.context.in_org(org_id):
                self.note(describe, person_id, reason=reason)

    def note_failed_login(
        self, person_id: str | None, reason: str, org_id: str | None = None
    ) -> None:
        """Record that somebody has not proved who they are.

        In the organization that they wanted to log in to, if the person is a
        member there, or else where they have been for the longest time. Whoever
        is in none, or is not known, is in nobody's log. That takes as long, and
        what follows does not tell either: the relay is not woken, but finds the
        event when it looks by itself, within a second.

        Args:
            person_id: Who they said they are, if there is such a person.
            reason: What was wrong: ``password`` or ``otp``.
            org_id: Where they wanted to log in to, if they said so.
        """
        has_events = self.context.has_events
        org_ids = self.memberships_of.org_ids(person_id or "")
        wanted = self.context.org_id or org_id
        noted_in = wanted if wanted in org_ids else next(iter(org_ids), SYSTEM_ORG_ID)
        with self.context.in_org(noted_in):
            if org_ids:
                self.note(events.login_failed, person_id, reason=reason)
            else:
                self.acts.add(self._act("login_failed", None, FORGOTTEN_ACT_LIFE))
        self.context.has_events = has_events

    def _act(
        self,
        name: str,
        person_id: str | None,
        life: timedelta,
        *,
        client_id: str | None = None,
        reason: str | None = None,
    ) -> Act:
        now = self.context.now()
        role = f"{name}:{self.context.org_id}:{person_id}:{self.context.message}"
        return Act(
            id=derive_id(self.context.operation_id, role),
            owner_id=person_id,
            created_at=now,
            updated_at=now,
            expires_at=now + life,
            client_id=client_id,
            reason=reason,
        )
