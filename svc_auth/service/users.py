"""RPCs of users: who is a member of an organization, and as what."""

from collections.abc import Collection
from typing import Any, Final

from chassis.errors import NotFoundError
from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.people import Membership, check_owner_stays
from svc_auth.domain.roles import BUILT_IN_ROLES
from svc_auth.schemas.people import UpdateUserInput, UserView
from svc_auth.service.dependencies import Dependencies, no_such_reference

__all__ = ["UserMethods"]

_VIEW: Final = UserView()


def _view(membership: Membership) -> dict[str, Any]:
    view: dict[str, Any] = _VIEW.dump(membership)
    return view


class UserMethods(Dependencies):
    """What can be done with the members of an organization."""

    @rpc
    def list_users(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of the organization's members.

        Needs the ``users:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [UserView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.context.identified_caller.require("users:read")
        return self.memberships.page(query, _VIEW.fields).view(_view)

    @rpc
    def get_user(self, *, user_id: str) -> dict[str, Any]:
        """One member of the organization.

        Needs the ``users:read`` permission.

        Returns:
            A ``UserView``.

        Raises:
            NotFoundError: ``user_not_found``, also for those who left.
        """
        self.context.identified_caller.require("users:read")
        return _view(self.memberships.get(self._membership(user_id).id))

    @rpc(needs="users:write")
    @idempotent
    def update_user(
        self,
        *,
        user_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch to a member; other roles hold within two seconds.

        The name is what this organization calls them. Nobody gives or takes
        what they do not hold themselves, the owner's role stays, and nobody else
        names the owner.

        Needs the ``users:write`` permission.

        Args:
            user_id: Who.
            payload: An ``UpdateUserInput``.
            expected_version: The version that the caller saw, if it cares.

        Returns:
            A ``UserView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``:
                there is no such role.
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``user_not_found``.
            ConflictError: ``owner_is_fixed``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``auth.member_updated`` v1.
        """
        patch = load(UpdateUserInput(), payload)
        if "roles" in patch:
            patch["roles"] = tuple(patch["roles"])

        own_id = self.context.identified_caller.principal_id

        def change(membership: Membership) -> Membership:
            if "name" in patch and membership.person_id != own_id:
                check_owner_stays(membership.roles, ())
            roles = patch.get("roles", membership.roles)
            if set(roles) != set(membership.roles):
                check_owner_stays(membership.roles, roles)
                self.check_roles({*roles, *membership.roles} - {*membership.roles})
                self.check_held(self.rights_of({*roles, *membership.roles}))
            return membership.changed(patch, self.context.now())

        changed = self.memberships.change(
            self._membership(user_id).id,
            change,
            events.member_updated,
            expected_version=expected_version,
            is_mergeable=True,
        )
        return self._told(changed)

    @rpc(needs="users:write")
    @idempotent
    def deactivate_user(
        self, *, user_id: str, expected_version: int | None = None
    ) -> None:
        """End a membership, and with it all of the person's sessions here.

        Both or neither. Their tokens are refused within two seconds. What they
        own stays theirs.

        Needs the ``users:write`` permission, and all that their roles grant.

        Raises:
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``user_not_found``, also if they have left.
            ConflictError: ``owner_is_fixed``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.member_left`` v1, and ``auth.session_revoked`` v1 for each
            session.
        """

        def leave(membership: Membership) -> Membership:
            self.check_held(self.rights_of(membership.roles))
            return membership.archived(self.context.now())

        membership_id = self._membership(user_id).id

        def deactivate() -> None:
            self.memberships.change(
                membership_id,
                leave,
                events.member_left,
                expected_version=expected_version,
            )
            self.end_sessions(user_id, "deactivated")

        self.transaction(deactivate)

    @rpc(needs="users:write")
    @idempotent
    def restore_user(
        self, *, user_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Make somebody a member again who has left, with the roles they had.

        Needs the ``users:write`` permission, and all that their roles grant.

        Returns:
            A ``UserView``.

        Raises:
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``user_not_found``: nobody like that has left.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.member_joined`` v1.
        """

        def come_back(membership: Membership) -> Membership:
            self.check_held(self.rights_of(membership.roles))
            return membership.restored(self.context.now())

        restored = self.memberships.change(
            self._membership(user_id).id,
            come_back,
            lambda _, after: events.member_joined(after),
            expected_version=expected_version,
            is_archived=True,
        )
        return self._told(restored)

    def check_roles(self, keys: Collection[str]) -> None:
        """Refuse roles that the organization does not have.

        Raises:
            InvalidInputError: ``reference_not_found``.
        """
        made = self.roles.live_by_key([k for k in keys if k not in BUILT_IN_ROLES])
        if unknown := sorted(set(keys) - BUILT_IN_ROLES.keys() - made.keys()):
            raise no_such_reference("roles", f"There is no role {', '.join(unknown)}.")

    def _told(self, membership: Membership) -> dict[str, Any]:
        return self.memberships.told(membership, _view(membership))

    def _membership(self, person_id: str) -> Membership:
        found = self.memberships.find_by_person(person_id)
        if found is None:
            raise NotFoundError(
                "user_not_found", "The organization has no such member."
            )
        return found
