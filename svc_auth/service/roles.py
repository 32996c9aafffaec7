"""RPCs of roles and permissions, and of rights as tokens carry them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from chassis import inject
from chassis.errors import ConflictError, UnauthenticatedError
from chassis.idempotency import idempotent
from chassis.mongo import Repositories
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.trust import LONGEST_TOKEN_LIFE_S
from svc_auth import events
from svc_auth.domain.field_rights import HIDEABLE, other_names, rights_to
from svc_auth.domain.roles import (
    BUILT_IN_ROLES,
    OWNED,
    PERMISSIONS,
    REACHES,
    Role,
)
from svc_auth.repository.rights import RightsChanges
from svc_auth.schemas.roles import (
    CreateRoleInput,
    PermissionsView,
    RoleView,
    UpdateRoleInput,
)
from svc_auth.service.dependencies import Dependencies
from svc_auth.service.holding import rights_of_role

__all__ = ["RoleMethods"]

_PAGE: Final = 5_000
# What of a role says what it gives.
_GIVING: Final = frozenset({"grants", "fields"})


def _new_role(
    role_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Role:
    return Role(id=role_id, owner_id=owner_id, created_at=now, updated_at=now, **data)


_ROLE: Final = Kind(
    create_input=CreateRoleInput(),
    update_input=UpdateRoleInput(),
    view=RoleView(),
    make=_new_role,
    change=Role.changed,
    archive=Role.archived,
    restore=Role.restored,
    created=events.role_created,
    updated=events.role_updated,
    archived=events.role_archived,
    restored=events.role_restored,
)


class RoleMethods(Dependencies):
    """What can be done with roles."""

    rights_changes: RightsChanges = inject(Repositories(RightsChanges))

    def _roles(self) -> Records[Role]:
        kind = replace(
            _ROLE,
            make=self._made_role,
            change=self._changed_role,
            restore=self._restored_role,
        )
        return Records(kind, self.roles, self)

    def _made_role(
        self, role_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
    ) -> Role:
        return self._held_role(_new_role(role_id, data, owner_id, now))

    def _changed_role(
        self, role: Role, patch: Mapping[str, Any], now: datetime
    ) -> Role:
        changed = role.changed(patch, now)
        return changed if patch.keys().isdisjoint(_GIVING) else self._held_role(changed)

    def _restored_role(self, role: Role, now: datetime) -> Role:
        return self._held_role(role.restored(now))

    def _held_role(self, role: Role) -> Role:
        """The role, which gives nothing that the caller does not hold.

        Raises:
            ForbiddenError: ``grant_beyond_own``, naming permissions and fields.
        """
        self.check_held(rights_of_role(role))
        return role

    @rpc
    def get_permissions(self) -> dict[str, Any]:
        """Everything that can be permitted, and the roles of every organization.

        Needs the ``roles:read`` permission.

        Returns:
            A ``PermissionsView``.
        """
        self.context.identified_caller.require("roles:read")
        view: dict[str, Any] = PermissionsView().dump(
            {
                "permissions": [
                    {
                        "permission": f"{resource}:{action}",
                        "description": f"May {meaning}.",
                        "reaches": REACHES if resource in OWNED else ("none", "all"),
                    }
                    for resource, actions in PERMISSIONS.items()
                    for action, meaning in actions.items()
                ],
                "restrictable_fields": [
                    {
                        "resource": resource,
                        "field": name,
                        "rights": rights_to(resource, name),
                    }
                    for resource in HIDEABLE
                    for name in sorted(other_names(resource))
                ],
                "built_in_roles": BUILT_IN_ROLES.values(),
            }
        )
        return view

    @rpc(needs="roles:write")
    @idempotent
    def create_role(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Make a role.

        Needs the ``roles:write`` permission, and all that the role grants.

        Args:
            payload: A ``CreateRoleInput``.

        Returns:
            A ``RoleView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``grant_beyond_own``.
            ConflictError: ``duplicate_value``, or ``too_many_roles``: there
                are two hundred.

        Emits:
            ``auth.role_created`` v1.
        """
        roles = self._roles()
        roles.permit("write")
        if self.roles.is_full():
            raise ConflictError("too_many_roles", "There are as many as there may be.")
        return roles.create(payload)

    @rpc
    def get_role(self, *, role_id: str) -> dict[str, Any]:
        """One role that the organization has made.

        Needs the ``roles:read`` permission.

        Returns:
            A ``RoleView``.

        Raises:
            NotFoundError: ``role_not_found``.
        """
        return self._roles().get(role_id)

    @rpc
    def list_roles(self, *, query: dict[str, str]) -> dict[str, Any]:
        """Roles that the organization has made.

        Needs the ``roles:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [RoleView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self._roles().page(query)

    @rpc(needs="roles:write")
    @idempotent
    def update_role(
        self, *, role_id: str, payload: dict[str, Any], expected_version: int | None
    ) -> dict[str, Any]:
        """Change a role; those who have it can do so within two seconds.

        Needs the ``roles:write`` permission, and all that the role grants.

        Args:
            role_id: Which role.
            payload: An ``UpdateRoleInput``.
            expected_version: The version that the caller saw, if it cares.

        Returns:
            A ``RoleView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``role_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.role_updated`` v1, if anything changed.
        """
        return self._roles().update(role_id, payload, expected_version)

    @rpc(needs="roles:write")
    @idempotent
    def archive_role(self, *, role_id: str, expected_version: int | None) -> None:
        """Put a role away: it grants nothing any more to those who have it.

        Needs the ``roles:write`` permission.

        Raises:
            NotFoundError: ``role_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.role_archived`` v1.
        """
        self._roles().archive(role_id, expected_version)

    @rpc(needs="roles:write")
    @idempotent
    def restore_role(
        self, *, role_id: str, expected_version: int | None
    ) -> dict[str, Any]:
        """Bring a role back: those who had it have it again.

        Needs the ``roles:write`` permission, and all that the role grants.

        Returns:
            A ``RoleView``.

        Raises:
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``role_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.role_restored`` v1.
        """
        return self._roles().restore(role_id, expected_version)

    @rpc
    def renew_access_token(self) -> dict[str, str]:
        """The caller's token once more, with what they may do now.

        Its life does not become longer.

        Returns:
            ``{"access_token": ...}``.

        Raises:
            UnauthenticatedError: ``token_revoked``: the session has ended, or
                whose it was is no member any more.
        """
        caller = self.context.identified_caller
        now = self.context.now()
        session = self.sessions.find(caller.session_id or "")
        membership = self.memberships.find_live(caller.principal_id)
        if session is None or membership is None or not session.is_live(now):
            raise UnauthenticatedError("token_revoked", "The session has ended.")
        left_s = max(1, int(caller.expires_at - now.timestamp()))
        return {"access_token": self.sign_access_token(session, membership, left_s)}

    @rpc(public=True)
    def list_rights_changes(self, *, since: str = "") -> dict[str, Any]:
        """Whose rights changed while tokens may be about that tell the old ones.

        Args:
            since: What the answer before gave as ``next``; empty to begin.

        Returns:
            ``{"changes": [{"org_id", "person_id", "at"}], "next": ...}``, the
            latest first; ``person_id`` is null for everybody in the
            organization, ``at`` is in seconds since the epoch, and ``next`` is
            null at the end.

        Raises:
            InvalidInputError: ``invalid_position``.
        """
        earliest = self.context.now() - timedelta(seconds=LONGEST_TOKEN_LIFE_S)
        return self.rights_changes.page(earliest, since, _PAGE)
