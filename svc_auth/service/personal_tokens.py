"""RPCs of personal access tokens."""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chassis import inject
from chassis.errors import (
    ConflictError,
    NotFoundError,
    UnauthenticatedError,
)
from chassis.idempotency import idempotent, repeatable
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.views import whole_list
from svc_auth import events
from svc_auth.domain.personal_tokens import (
    EXCHANGED_LIFE,
    PERSONAL,
    PREFIXES,
    TokenKind,
    new_token,
)
from svc_auth.domain.rights import Rights
from svc_auth.domain.sessions import Session
from svc_auth.repository.sessions import PersonalTokenRepository
from svc_auth.schemas.personal_tokens import (
    CreatePersonalTokenInput,
    NewPersonalTokenView,
    PersonalTokenView,
)
from svc_auth.service.dependencies import Dependencies
from svc_auth.service.holding import rights_held

__all__ = ["PersonalTokenMethods"]

_LONGEST_SECRET = 128


class PersonalTokenMethods(Dependencies):
    """What can be done with the tokens of one's own programs."""

    personal_tokens: PersonalTokenRepository = inject(
        Repositories(PersonalTokenRepository)
    )

    @rpc
    @repeatable
    def create_access_token(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Make a token for a program of one's own; its secret is shown this once.

        Only for people who log in themselves. It may do what is in its scope,
        as far as the person may at that moment. Repeated with its key it is the
        same one, with another secret; the one before is good no more.

        Args:
            payload: A ``CreatePersonalTokenInput``.

        Returns:
            A ``NewPersonalTokenView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted``; ``grant_beyond_own``: the
                scope names what the person may not do.
            NotFoundError: ``access_token_not_found``: it is a repetition, and what
                was made has ended since.
            ConflictError: ``too_many_tokens``: there are fifty.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        data = load(CreatePersonalTokenInput(), payload)
        # Its token carries what is kept from the person of the records' fields.
        own = rights_held(caller).fields
        self.check_held(Rights(dict.fromkeys(data["scope"], "own"), own))
        scope = sorted(set(data["scope"]))
        made = self.new_token(PERSONAL, caller.principal_id, data, scope)
        view: dict[str, Any] = NewPersonalTokenView().dump(made)
        return view

    @rpc
    def list_access_tokens(self) -> dict[str, Any]:
        """The caller's own live tokens, the newest first.

        Only for people who log in themselves.

        Returns:
            ``{"data": [PersonalTokenView], "page": {…}}``, of fifty at most.

        Raises:
            ForbiddenError: ``token_restricted``.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        rows = self.with_use(self.live_tokens(PERSONAL, caller.principal_id))
        return whole_list(PersonalTokenView(many=True).dump(rows))

    @rpc
    @idempotent
    def revoke_access_token(self, *, access_token_id: str) -> None:
        """End one of the caller's own tokens, everywhere within two seconds.

        Raises:
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``access_token_not_found``, also for one that has
                ended.

        Emits:
            ``auth.session_revoked`` v1.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        if self.live_token(PERSONAL, caller.principal_id, access_token_id) is not None:
            self.end_session(access_token_id, "revoked")
        elif not self.has_ended(access_token_id):
            raise _not_found()

    @rpc(public=True)
    def exchange_access_token(self, *, token: str) -> dict[str, str]:
        """A signed token for a personal one, or a service account's key.

        It lives five minutes. Asked for by the gateway, for requests that come
        with such tokens.

        Args:
            token: The secret.

        Returns:
            ``{"access_token": ...}``.

        Raises:
            UnauthenticatedError: ``token_invalid``.
        """
        now = self.context.now()
        found = None
        if token.startswith(PREFIXES) and len(token) <= _LONGEST_SECRET:
            found = self.personal_tokens.use(token, now)
        if found is None:
            raise _invalid()
        self.context.org_id, session_id = found
        session = self.sessions.find(session_id)
        if session is None or not session.is_live(now):
            raise _invalid()
        membership = self.memberships.find_live(session.owner_id)
        if membership is None:
            raise _invalid()
        left = min(EXCHANGED_LIFE, session.expires_at - now)
        life_s = max(1, int(left.total_seconds()))
        return {"access_token": self.sign_access_token(session, membership, life_s)}

    def live_tokens(self, kind: TokenKind, owner_id: str) -> list[Session]:
        """The sessions that stand behind somebody's live tokens, the newest first."""
        now = self.context.now()
        return self.sessions.live_of(owner_id, (kind.kind,), now, kind.most)

    def live_token(
        self, kind: TokenKind, owner_id: str, token_id: str
    ) -> Session | None:
        """The session behind a token of somebody's, unless it has ended."""
        found = self.sessions.find(token_id)
        if found is None or (found.owner_id, found.kind) != (owner_id, kind.kind):
            return None
        return found if found.is_live(self.context.now()) else None

    def new_token(
        self,
        kind: TokenKind,
        owner_id: str,
        data: Mapping[str, Any],
        scope: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Make a token for a program: what is shown of it, its secret this once.

        Args:
            kind: Which kind of token.
            owner_id: Whose.
            data: ``name`` and ``expires_in_days``.
            scope: What it is narrowed to, if it is.

        Raises:
            NotFoundError: ``access_token_not_found``: this operation made one
                before, which has ended since.
            ConflictError: ``too_many_tokens``.
        """
        now = self.context.now()
        token = kind.prefix + secrets.token_urlsafe(32)
        session = new_token(
            self.operation.new_id(kind.kind),
            kind=kind,
            owner_id=owner_id,
            name=data["name"],
            scope=scope,
            expires_at=now + timedelta(days=data["expires_in_days"]),
            token=token,
            now=now,
        )
        kept = self.transaction(lambda: self._keep(kind, token, session))
        return {**dataclasses.asdict(kept), "token": token, "last_used_at": None}

    def with_use(self, sessions: Sequence[Session]) -> list[dict[str, Any]]:
        """Sessions that stand behind tokens, and when each was used last."""
        used = self.personal_tokens.last_used([each.id for each in sessions])
        return [
            {**dataclasses.asdict(each), "last_used_at": used.get(each.id)}
            for each in sessions
        ]

    def _keep(self, kind: TokenKind, token: str, session: Session) -> Session:
        """The session, kept; or the one of an earlier attempt, with this token."""
        self.orgs.lock("token")
        if self.sessions.find(session.id) is not None:
            session = self._renewed(kind, session)
        elif len(self.live_tokens(kind, session.owner_id)) >= kind.most:
            raise ConflictError("too_many_tokens", "Revoke one that is not needed.")
        else:
            self.sessions.add(session, events.session_started(session))
        org_id = self.context.identified_caller.org_id
        self.personal_tokens.add(token, session, org_id)
        return session

    def _renewed(self, kind: TokenKind, session: Session) -> Session:
        before = self.live_token(kind, session.owner_id, session.id)
        if before is None:
            raise _not_found()
        self.sessions.note_hint(before.id, session.hint)
        self.personal_tokens.forget(before.id)
        return dataclasses.replace(before, hint=session.hint)


def _not_found() -> NotFoundError:
    return NotFoundError("access_token_not_found", "There is no such token.")


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("token_invalid", "The access token is not valid.")
