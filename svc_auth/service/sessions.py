"""RPCs of sessions: logging in, staying in, and leaving."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final

from chassis import inject
from chassis.errors import (
    NotFoundError,
    UnauthenticatedError,
    invalid_input,
)
from chassis.events import wire_time
from chassis.idempotency import idempotent
from chassis.ids import is_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.trust import LONGEST_TOKEN_LIFE_S
from chassis.views import whole_list
from svc_auth.domain.sessions import MOST_SESSIONS, RefreshToken, Session
from svc_auth.repository.sessions import Revocations
from svc_auth.schemas.sessions import RefreshInput, SessionView
from svc_auth.service.proving import Proving

__all__ = ["SessionMethods"]

_PAGE: Final = 5_000
_LISTED: Final = ("login", "oauth")
_MOST: Final = len(_LISTED) * MOST_SESSIONS


class SessionMethods(Proving):
    """What can be done with sessions."""

    revocations: Revocations = inject(Repositories(Revocations))

    @rpc(public=True)
    def login(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange an address and a password for tokens.

        Unknown and known addresses are refused alike, and as slowly. After
        five wrong passwords the account waits, from a second on, doubled
        each time, to fifteen minutes; not for clients at an address from
        which somebody has logged in to it before.

        Somebody has two hundred logins to an organization at most; with one
        more that ends which was used longest ago.

        Args:
            payload: A ``LoginInput``.

        Returns:
            A ``TokensView``.

        Raises:
            UnauthenticatedError: ``credentials_invalid``; or, of somebody
                whose password is right, ``otp_required`` or ``otp_invalid``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``: too many log in at once.

        Emits:
            ``auth.session_started`` v1, or ``auth.login_failed`` v1; perhaps
            ``auth.session_revoked`` v1.
        """
        return self.begin_session(self.prove(payload))

    @rpc(public=True)
    def refresh_session(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange a refresh token for new tokens; it is spent by that.

        A token that is used twice has been stolen or lost its answer: the
        whole session ends (RFC 9700 §4.14.2).

        Args:
            payload: A ``RefreshInput``.

        Returns:
            A ``TokensView``.

        Raises:
            UnauthenticatedError: ``refresh_token_invalid`` or
                ``refresh_token_reused``.

        Emits:
            ``auth.session_revoked`` v1, if the token was used before.
        """
        token, now = self._spent(payload), self.context.now()
        if token is None or token.expires_at <= now:
            raise _invalid()
        session = self.sessions.find(token.session_id)
        if session is None or session.kind != "login" or not session.is_live(now):
            # An application's token is for its own endpoint, with its secret.
            raise _invalid()
        if token.is_spent:
            self.end_session(token.session_id, "refresh_token_reused")
            raise UnauthenticatedError(
                "refresh_token_reused", "This refresh token was used before."
            )
        membership = self.memberships.find_live(token.person_id)
        if membership is None:
            raise _invalid()
        self.sessions.note_use(session.id, now)
        return self.issue_tokens(session, membership)

    @rpc(public=True)
    def logout(self, *, payload: dict[str, Any]) -> None:
        """End the session that a refresh token belongs to; done twice, the same.

        None of its tokens is taken any more, its access tokens included.

        Args:
            payload: A ``RefreshInput``.

        Emits:
            ``auth.session_revoked`` v1.
        """
        token = self._spent(payload)
        if token is not None:
            self.end_session(token.session_id, "logout")

    @rpc(public=True)
    def list_revocations(self, *, since: str = "") -> dict[str, Any]:
        """Sessions whose access tokens might still be good, were they not revoked.

        Args:
            since: What the answer before gave as ``next``; empty to begin.

        Returns:
            ``{"session_ids": [...], "next": ...}``, the earliest revoked
            first; ``next`` is null at the end.

        Raises:
            InvalidInputError: ``invalid_position``.
        """
        earliest = self.context.now() - timedelta(seconds=LONGEST_TOKEN_LIFE_S)
        found = self.revocations.page(earliest, _position(since), _PAGE)
        last = found[-1] if len(found) == _PAGE else None
        return {
            "session_ids": [session_id for _, session_id in found],
            "next": last and f"{wire_time(last[0])}/{last[1]}",
        }

    @rpc
    def list_sessions(self) -> dict[str, Any]:
        """Where the caller is logged in to this organization, the newest first.

        Applications that act for them are among them; personal tokens have a
        list of their own.

        Returns:
            ``{"data": [SessionView], "page": {…}}``, of two hundred of each
            kind at most.

        Raises:
            ForbiddenError: ``token_restricted``.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        rows = [
            {**dataclasses.asdict(each), "is_current": each.id == caller.session_id}
            for each in self._own_sessions()
        ]
        return whole_list(SessionView(many=True).dump(rows))

    @rpc
    @idempotent
    def revoke_session(self, *, session_id: str) -> None:
        """End one of the caller's own sessions, everywhere within two seconds.

        Raises:
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``session_not_found``, also for one that has ended.

        Emits:
            ``auth.session_revoked`` v1.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        session = self.sessions.find(session_id)
        if (
            session is not None
            and session.kind in _LISTED
            and session.owner_id == caller.principal_id
            and session.is_live(self.context.now())
        ):
            self.end_session(session.id, "revoked")
        elif not self.has_ended(session_id):
            raise NotFoundError("session_not_found", "There is no such session.")

    @rpc
    def revoke_other_sessions(self) -> None:
        """End all of the caller's own sessions here but the one at hand.

        Personal tokens go on.

        Raises:
            ForbiddenError: ``token_restricted``.

        Emits:
            ``auth.session_revoked`` v1 for each.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        while others := [
            each.id for each in self._own_sessions() if each.id != caller.session_id
        ]:
            self.end_each(others, "revoked")

    def _own_sessions(self) -> list[Session]:
        caller, now = self.context.identified_caller, self.context.now()
        return self.sessions.live_of(caller.principal_id, _LISTED, now, _MOST)

    def _spent(self, payload: dict[str, Any]) -> RefreshToken | None:
        data = load(RefreshInput(), payload)
        token = self.refresh_tokens.spend(data["refresh_token"])
        if token is not None:
            self.context.org_id = token.org_id
            self.context.actor = {"type": "person", "id": token.person_id}
        return token


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError(
        "refresh_token_invalid", "This refresh token is not valid."
    )


def _position(since: str) -> tuple[datetime, str] | None:
    if not since:
        return None
    moment, _, session_id = since.partition("/")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not is_id(session_id):
        raise invalid_input(
            [{"field": "since", "code": "invalid_position"}],
            "invalid_position",
            "This is no position that an answer gave.",
        )
    return at, session_id
