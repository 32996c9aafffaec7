"""RPCs of passwords."""

from typing import Any

from chassis.errors import ConflictError
from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.people import Person
from svc_auth.schemas.passwords import ChangePasswordInput
from svc_auth.service.challenging import Challenging
from svc_auth.service.proving import Proving

__all__ = ["PasswordMethods"]


class PasswordMethods(Challenging, Proving):
    """What can be done with what somebody logs in with."""

    @rpc
    @idempotent
    def change_password(self, *, payload: dict[str, Any]) -> None:
        """Give oneself another password, which ends all sessions but this one.

        In all of one's organizations, applications and personal tokens
        included: whoever knew the old password may have made them. A message
        tells them so. A wrong current password counts like one at a login.

        Args:
            payload: A ``ChangePasswordInput``.

        Raises:
            InvalidInputError: ``invalid_input``, ``current_password_wrong`` or
                ``password_too_common``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            RateLimitedError: ``login_delayed``.
            ConflictError: ``credentials_changed``: somebody else did so in this
                moment.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.session_revoked`` v1 for each session.
        """
        person, session = self.in_person()
        data = load(ChangePasswordInput(), payload)
        if self.has_changed(person):
            return
        known = self.confirm(person, data["current_password"])
        password_hash = self.new_hash(data["password"], known)
        self.transaction(lambda: self._change(known, password_hash, session.id))

    def _change(self, person: Person, password_hash: str, session_id: str) -> None:
        if not self.people.change_password(person, password_hash):
            raise ConflictError(
                "credentials_changed", "The password was changed in this moment."
            )
        self.end_all_sessions(person.id, "password_changed", but=session_id)
        self.note_everywhere(events.password_changed, person.id, reason="changed")
        self.notify(person, "password_changed")
