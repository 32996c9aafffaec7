"""RPCs of people."""

from typing import Any

from chassis.errors import ForbiddenError
from chassis.rpc import rpc
from svc_auth.schemas.people import PersonView
from svc_auth.service.dependencies import Dependencies

__all__ = ["PersonMethods"]


class PersonMethods(Dependencies):
    """What can be asked about people."""

    @rpc
    def get_me(self) -> dict[str, Any]:
        """The caller.

        Returns:
            A ``MeView``.

        Raises:
            ForbiddenError: ``insufficient_scope``: an application asks that
                may not know name and address of the person it acts for.
            NotFoundError: ``person_not_found``: the caller is no person.
        """
        caller = self.context.identified_caller
        if caller.client_id is not None:
            self._may_know(caller.session_id or "")
        person = self.member(caller.principal_id)
        return {
            **PersonView().dump(person),
            "org_id": caller.org_id,
            "roles": list(caller.roles),
            "grants": dict(caller.grants),
        }

    def _may_know(self, session_id: str) -> None:
        session = self.sessions.find(session_id)
        scope = () if session is None else session.scope or ()
        if not {"profile", "email"} <= set(scope):
            raise ForbiddenError(
                "insufficient_scope", "This needs the scopes profile and email."
            )

    @rpc
    def get_person(self, *, person_id: str) -> dict[str, Any]:
        """A member of the caller's organization: name and address.

        Needs the ``people:read`` permission.

        Returns:
            A ``PersonView``.

        Raises:
            NotFoundError: ``person_not_found``, also for people elsewhere.
        """
        self.context.identified_caller.require("people:read")
        view: dict[str, Any] = PersonView().dump(self.member(person_id))
        return view
