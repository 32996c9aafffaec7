"""RPCs of people."""

from collections.abc import Mapping
from typing import Any

from chassis.errors import ConflictError, ForbiddenError
from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.views import whole_list
from svc_auth import events
from svc_auth.domain.people import Membership, Person
from svc_auth.domain.sessions import Proof
from svc_auth.schemas.people import (
    FindMembersInput,
    MyOrgView,
    PersonView,
    UpdateMeInput,
)
from svc_auth.schemas.sessions import SwitchOrgInput
from svc_auth.service.dependencies import Dependencies, no_such_reference

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
        return self._me(self.member(caller.principal_id))

    @rpc
    def get_userinfo(self) -> dict[str, Any]:
        """Who the person is that an application acts for (OpenID Connect §5.3).

        Returns:
            A ``UserInfoView``.

        Raises:
            ForbiddenError: ``insufficient_scope``: the token lacks openid.
            NotFoundError: ``person_not_found``.
        """
        caller = self.context.identified_caller
        session = self.sessions.find(caller.session_id or "")
        scope = () if session is None else session.scope or ()
        if "openid" not in scope:
            raise ForbiddenError("insufficient_scope", "This needs the scope openid.")
        person = self.member(caller.principal_id)
        told: dict[str, Any] = {"sub": person.id}
        if "profile" in scope:
            told["name"] = person.name
        if "email" in scope:
            told |= {"email": person.email, "email_verified": person.email_verified}
        return told

    @rpc
    @idempotent
    def update_me(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Change one's own name, in all of one's organizations.

        Args:
            payload: An ``UpdateMeInput``.

        Returns:
            A ``MeView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.

        Emits:
            ``auth.member_updated`` v1 for each organization.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        person = self.member(caller.principal_id)
        patch = load(UpdateMeInput(), payload)
        if patch:
            self.people.update(person.id, patch)
            self.update_memberships(person.id, patch)
        return self._me(self.member(person.id))

    @rpc
    def list_my_orgs(self) -> dict[str, Any]:
        """The organizations in which the caller is a member.

        To what acts for a person, an application or a personal token, the others
        than its own are not told.

        Returns:
            ``{"data": [MyOrgView], "page": {…}}``, the longest first, of a
            hundred at most.

        Raises:
            NotFoundError: ``person_not_found``: the caller is no person.
        """
        caller = self.context.identified_caller
        self.member(caller.principal_id)
        org_ids = [caller.org_id]
        if caller.is_present:
            org_ids = self.memberships_of.org_ids(caller.principal_id)
        data = []
        for org_id in org_ids:
            with self.context.in_org(org_id):
                org = self.orgs.find(org_id)
                membership = self.memberships.find_live(caller.principal_id)
            if org is not None and membership is not None:
                data.append(
                    {
                        "id": org_id,
                        "name": org.name,
                        "roles": membership.roles,
                        "is_current": org_id == caller.org_id,
                    }
                )
        return whole_list(MyOrgView(many=True).dump(data))

    @rpc
    def switch_org(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Log in to another of one's organizations without a password.

        It begins a session of its own, as a login does; the one at hand goes on.

        Args:
            payload: A ``SwitchOrgInput``.

        Returns:
            A ``TokensView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``:
                one is no member there.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            ConflictError: ``org_is_current``: there is nothing to switch.
            UnauthenticatedError: ``token_revoked``: the session has ended.
        """
        person, _ = self.in_person()
        org_id = load(SwitchOrgInput(), payload)["org_id"]
        if org_id == self.context.org_id:
            raise ConflictError("org_is_current", "You are logged in to it.")
        membership = self.find_membership(person.id, org_id)
        if membership is None:
            raise no_such_reference("org_id", "You are no member there.")
        return self.begin_session(
            Proof(membership=membership, credentials=person.credentials)
        )

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

    @rpc
    def find_members(self, *, person_ids: list[str]) -> list[str]:
        """Those of some people who are members of the caller's organization now.

        For services, before they store who owns a record. Needs no permission:
        whoever knows an id learns nothing else of its bearer.

        Args:
            person_ids: One to a thousand ids; of service accounts too.

        Returns:
            The ids of those who are members.

        Raises:
            InvalidInputError: ``invalid_input``.
        """
        data = load(FindMembersInput(), {"person_ids": person_ids})
        return self.any_memberships.live_among(data["person_ids"])

    def update_memberships(self, person_id: str, patch: Mapping[str, Any]) -> None:
        """Have all organizations of a person know their new name or address."""

        def change(membership: Membership) -> Membership:
            return membership.changed(patch, self.context.now())

        for org_id in self.memberships_of.org_ids(person_id):
            with self.context.in_org(org_id):
                membership = self.any_memberships.find_live(person_id)
                if membership is not None:
                    self.any_memberships.change(
                        membership.id, change, events.member_updated
                    )

    def _me(self, person: Person) -> dict[str, Any]:
        caller = self.context.identified_caller
        return {
            **PersonView().dump(person),
            "email_verified": person.email_verified,
            "org_id": caller.org_id,
            "roles": list(caller.roles),
            "grants": dict(caller.grants),
            "hidden_fields": {
                resource: sorted(kept.hidden)
                for resource, kept in caller.restrictions.items()
            },
            "read_only_fields": {
                resource: sorted(kept.unwritable - kept.hidden)
                for resource, kept in caller.restrictions.items()
            },
        }
