"""What the mixins of the service share."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from chassis import inject
from chassis.errors import (
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    invalid_field,
)
from chassis.idempotency import Operation
from chassis.ids import derive_id, is_keyed, new_id, packed
from chassis.mongo import Repositories, Transaction, Transactions
from svc_auth import events
from svc_auth.clients.keyring import Keyring, KeyringProvider
from svc_auth.clients.passwords import PasswordPool, Passwords
from svc_auth.domain.field_rights import restricted_names
from svc_auth.domain.people import Membership, Person
from svc_auth.domain.roles import narrowed
from svc_auth.domain.sessions import (
    ACCESS_TOKEN_LIFE,
    MOST_SESSIONS,
    REFRESH_TOKEN_LIFE,
    SESSION_LIFE,
    Proof,
    RefreshToken,
    Session,
)
from svc_auth.domain.teams import home_teams, seen_teams
from svc_auth.repository.orgs import OrgRepository
from svc_auth.repository.people import (
    AnyMembershipRepository,
    MembershipRepository,
    PersonRepository,
)
from svc_auth.repository.sessions import (
    RefreshTokenRepository,
    SessionRepository,
)
from svc_auth.repository.teams import TeamRepository
from svc_auth.service.noting import Noting

__all__ = ["Dependencies", "no_such_reference", "wrong_credentials"]


class Dependencies(Noting):
    """The injected parts, and what several mixins do with them."""

    keyring: Keyring = inject(KeyringProvider())
    passwords: Passwords = inject(PasswordPool())
    operation: Operation = inject(Repositories(Operation))
    transaction: Transaction = inject(Transactions())
    orgs: OrgRepository = inject(Repositories(OrgRepository))
    people: PersonRepository = inject(Repositories(PersonRepository))
    memberships: MembershipRepository = inject(Repositories(MembershipRepository))
    any_memberships: MembershipRepository = inject(
        Repositories(AnyMembershipRepository)
    )
    teams: TeamRepository = inject(Repositories(TeamRepository))
    sessions: SessionRepository = inject(Repositories(SessionRepository))
    refresh_tokens: RefreshTokenRepository = inject(
        Repositories(RefreshTokenRepository)
    )

    def member(self, person_id: str) -> Person:
        """A person of the organization at hand, or a service account as one.

        Raises:
            NotFoundError: ``person_not_found``, also for people elsewhere.
        """
        membership = self.memberships.find_live(person_id)
        if membership is not None and membership.is_service_account:
            return membership.as_person()
        person = self.people.find(person_id)
        if person is None or membership is None:
            raise NotFoundError("person_not_found", "There is no such person.")
        return person

    def in_person(self) -> tuple[Person, Session]:
        """The caller, who has logged in, and their session.

        No token that was made to do less, and none that has been revoked.

        Raises:
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        person = self.member(caller.principal_id)
        session = self.sessions.find(caller.session_id or "")
        if session is None or not session.is_live(self.context.now()):
            raise UnauthenticatedError("token_revoked", "The session has ended.")
        return person, session

    def find_membership(self, person_id: str, org_id: str | None) -> Membership | None:
        """The membership of somebody who logs in, if they are a member now.

        From here on the work is done for that organization.

        Args:
            person_id: Who.
            org_id: Where; None for where they have been for the longest time.
        """
        org_id = org_id or next(iter(self.memberships_of.org_ids(person_id)), None)
        if org_id is None:
            return None
        self.context.org_id = org_id
        return self.memberships.find_live(person_id)

    def open_session(self, proof: Proof) -> Session:
        """A session of somebody who has proved who they are.

        Raises:
            UnauthenticatedError: ``credentials_invalid``: they have left, or
                changed their password, at this very moment.
        """
        now, membership = self.context.now(), proof.membership
        self.context.org_id = membership.org_id
        self.context.actor = {"type": "person", "id": membership.person_id}
        session = Session(
            id=self._session_id(membership.org_id),
            owner_id=membership.person_id,
            created_at=now,
            updated_at=now,
            expires_at=now + SESSION_LIFE,
            address=self.context.origin.address,
            user_agent=self.context.origin.user_agent,
        )
        self.sessions.add(session, events.session_started(session))
        # Whoever ended their sessions a moment ago has not seen this one.
        person = self.people.find(membership.person_id)
        if (
            person is None
            or person.credentials != proof.credentials
            or self.memberships.find_live(person.id) is None
        ):
            self.end_session(session.id, "credentials_changed")
            raise wrong_credentials()
        self.make_room(session)
        return session

    def _session_id(self, org_id: str) -> str:
        """The same if the request is delivered twice, and another for the same key.

        What hands out tokens keeps none to give again, whatever key comes along.
        """
        operation_id = self.context.operation_id
        if is_keyed(operation_id):
            return new_id()
        return derive_id(operation_id, f"session:{org_id}")

    def begin_session(self, proof: Proof) -> dict[str, Any]:
        """Let somebody in who has proved who they are: a ``TokensView``.

        Raises:
            UnauthenticatedError: ``credentials_invalid``: they have left, or
                changed their password, at this very moment.
        """
        return self.issue_tokens(self.open_session(proof), proof.membership)

    def end_session(self, session_id: str, reason: str) -> None:
        """Let none of a session's tokens be good any more; twice is the same."""
        # It may be the operation that began it which ends it. A session that
        # has run out has no token left to be revoked.
        with self.context.as_step("end"), suppress(NotFoundError):
            self.sessions.change(
                session_id,
                lambda session: session.revoked(reason, self.context.now()),
                events.session_revoked,
            )

    def has_ended(self, session_id: str) -> bool:
        """Whether this very operation, which is tried again, has ended a session."""
        with self.context.as_step("end"):
            return self.sessions.done(session_id) is not None

    def make_room(self, session: Session) -> None:
        """End what somebody used longest ago, once a new session is one too many."""
        self.end_each(
            self.sessions.ids_beyond(
                MOST_SESSIONS, session.owner_id, session.kind, self.context.now()
            ),
            "too_many",
        )

    def end_sessions(self, person_id: str, reason: str, but: str | None = None) -> None:
        """End a person's sessions in the organization at hand, of every kind.

        Args:
            person_id: Whose.
            reason: Why, for those who look later.
            but: One that goes on.
        """
        live = self.sessions.live_ids_of(person_id)
        self.end_each([each for each in live if each != but], reason)

    def end_each(self, session_ids: Sequence[str], reason: str) -> None:
        """As ``end_session``, many in few messages."""
        now = self.context.now()
        with self.context.as_step("end"):
            self.sessions.change_each(
                session_ids,
                lambda session: session.revoked(reason, now),
                events.session_revoked,
            )

    def end_all_sessions(self, person_id: str, reason: str, but: str = "") -> None:
        """End a person's sessions in all of their organizations, of every kind.

        Args:
            person_id: Whose.
            reason: Why, for those who look later.
            but: One that goes on.
        """
        for org_id in self.memberships_of.org_ids(person_id):
            with self.context.in_org(org_id):
                self.end_sessions(person_id, reason, but)

    def issue_tokens(
        self, session: Session, membership: Membership, *, is_refreshable: bool = True
    ) -> dict[str, Any]:
        """New tokens of a session, with what the person may do now.

        Args:
            session: What they hang on.
            membership: Who they are for.
            is_refreshable: Whether there is a refresh token among them.
        """
        life_s = int(ACCESS_TOKEN_LIFE.total_seconds())
        tokens = {
            "access_token": self.sign_access_token(session, membership, life_s),
            "token_type": "Bearer",
            "expires_in": life_s,
        }
        if is_refreshable:
            tokens["refresh_token"] = self._refresh_token(session, membership)
        return tokens

    def _refresh_token(self, session: Session, membership: Membership) -> str:
        refresh_token = secrets.token_urlsafe(32)
        expires_at = self.context.now() + REFRESH_TOKEN_LIFE
        record = RefreshToken(
            person_id=membership.person_id,
            org_id=membership.org_id,
            session_id=session.id,
            expires_at=min(expires_at, session.expires_at),
            is_spent=False,
        )
        self.refresh_tokens.add(refresh_token, record)
        return refresh_token

    def sign_access_token(
        self, session: Session, membership: Membership, life_s: int
    ) -> str:
        """An access token of a session, with what the person may do.

        Args:
            session: What it hangs on.
            membership: Who it is for, as read a moment ago.
            life_s: Seconds.
        """
        # It may be another by now: a change tells when it was begun, and is seen
        # when it is stored.
        read_at = self.context.now() - timedelta(seconds=1)
        org = self.orgs.find(membership.org_id)
        rights = self.rights_of(membership.roles)
        grants = rights.grants
        if session.scope is not None:
            grants = narrowed(grants, session.scope)
        fields = restricted_names(rights.fields)
        return self.keyring.signer().sign(
            subject=membership.person_id,
            org_id=membership.org_id,
            session_id=session.id,
            roles=membership.roles,
            grants=grants,
            **({"fields": fields} if fields else {}),
            **self._team_claims(membership),
            kind=session.kind,
            client_id=session.client_id,
            scope=None if session.scope is None else " ".join(session.scope),
            rights_at=read_at.timestamp(),
            currency=None if org is None else org.currency,
            time_zone=None if org is None else org.time_zone,
            first_weekday=None if org is None else org.first_weekday,
            lifetime_s=life_s,
        )

    def _team_claims(self, membership: Membership) -> dict[str, Any]:
        teams, own = self.teams.all_live(), membership.team_ids
        seen = seen_teams(teams, own, membership.person_id)
        return {"team_ids": packed(seen), "home_teams": len(home_teams(teams, own))}

    def check_references(self, _resource: str, _data: Mapping[str, Any]) -> None:
        """Nothing: what roles and teams name is looked at when they are stored."""


def wrong_credentials() -> UnauthenticatedError:
    """Nobody is told which of the two is wrong: ``credentials_invalid``."""
    return UnauthenticatedError("credentials_invalid", "Address or password is wrong.")


def no_such_reference(field: str, message: str) -> InvalidInputError:
    """A field names something that is not there: ``reference_not_found``."""
    return invalid_field("reference_not_found", message, field=field)
