"""What the mixins of the service share."""

import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chassis import inject
from chassis.context import Context
from chassis.errors import NotFoundError
from chassis.idempotency import Operation
from chassis.ids import new_id
from chassis.mongo import Repositories, Transaction, Transactions
from chassis.signing import CurrentContext
from svc_auth import events
from svc_auth.clients.keyring import Keyring, KeyringProvider
from svc_auth.clients.passwords import PasswordPool, Passwords
from svc_auth.domain.people import Membership, Person
from svc_auth.domain.roles import BUILT_IN_ROLES, Reach, flat, narrowed, union
from svc_auth.domain.sessions import (
    ACCESS_TOKEN_LIFE,
    REFRESH_TOKEN_LIFE,
    SESSION_LIFE,
    RefreshToken,
    Session,
)
from svc_auth.repository.orgs import OrgRepository
from svc_auth.repository.people import MembershipRepository, PersonRepository
from svc_auth.repository.roles import RoleRepository
from svc_auth.repository.sessions import RefreshTokenRepository, SessionRepository

__all__ = ["Dependencies"]


class Dependencies:
    """The injected parts, and what several mixins do with them."""

    context: Context = inject(CurrentContext())
    keyring: Keyring = inject(KeyringProvider())
    passwords: Passwords = inject(PasswordPool())
    operation: Operation = inject(Repositories(Operation))
    transaction: Transaction = inject(Transactions())
    orgs: OrgRepository = inject(Repositories(OrgRepository))
    people: PersonRepository = inject(Repositories(PersonRepository))
    memberships: MembershipRepository = inject(Repositories(MembershipRepository))
    roles: RoleRepository = inject(Repositories(RoleRepository))
    sessions: SessionRepository = inject(Repositories(SessionRepository))
    refresh_tokens: RefreshTokenRepository = inject(
        Repositories(RefreshTokenRepository)
    )

    def member(self, person_id: str) -> Person:
        """A person of the organization at hand.

        Raises:
            NotFoundError: ``person_not_found``, also for people elsewhere.
        """
        person = self.people.find(person_id)
        if person is None or self.memberships.find(person_id) is None:
            raise NotFoundError("person_not_found", "There is no such person.")
        return person

    def begin_session(self, membership: Membership) -> dict[str, Any]:
        """Let somebody in who has proved who they are: a ``TokensView``."""
        now = self.context.now()
        self.context.org_id = membership.org_id
        session = Session(
            id=new_id(),
            owner_id=membership.person_id,
            created_at=now,
            updated_at=now,
            expires_at=now + SESSION_LIFE,
        )
        self.sessions.add(session)
        return self.issue_tokens(session, membership)

    def end_session(self, session_id: str, reason: str) -> None:
        """Let none of a session's tokens be good any more; twice is the same."""
        # A session that has run out has no token left to be revoked.
        with suppress(NotFoundError):
            self.sessions.change(
                session_id,
                lambda session: session.revoked(reason, self.context.now()),
                events.session_revoked,
            )

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
        # The membership was read a moment ago, and may be another by now.
        read_at = self.context.now() - timedelta(seconds=1)
        tokens = {
            "access_token": self.sign_access_token(
                session, membership, life_s, read_at
            ),
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
        self,
        session: Session,
        membership: Membership,
        life_s: int,
        read_at: datetime,
    ) -> str:
        """An access token of a session, with what the person may do.

        Args:
            session: What it hangs on.
            membership: Who it is for.
            life_s: Seconds.
            read_at: Before the membership was read.
        """
        org = self.orgs.find(membership.org_id)
        grants = self.grants_of(membership.roles)
        if session.scope is not None:
            grants = narrowed(grants, session.scope)
        return self.keyring.signer().sign(
            subject=membership.person_id,
            org_id=membership.org_id,
            session_id=session.id,
            roles=membership.roles,
            grants=grants,
            kind=session.kind,
            client_id=session.client_id,
            scope=None if session.scope is None else " ".join(session.scope),
            rights_at=read_at.timestamp(),
            currency=None if org is None else org.currency,
            time_zone=None if org is None else org.time_zone,
            lifetime_s=life_s,
        )

    def grants_of(self, keys: Collection[str]) -> dict[str, Reach]:
        """What roles of the organization at hand grant together."""
        own = [key for key in keys if key not in BUILT_IN_ROLES]
        made = self.roles.live_by_key(own).values() if own else ()
        return union(
            [
                *(BUILT_IN_ROLES[key].grants for key in keys if key in BUILT_IN_ROLES),
                *(flat(role.grants) for role in made),
            ]
        )
