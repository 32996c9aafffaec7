"""RPCs of service accounts: members that are programs."""

from typing import Any

from chassis.errors import NotFoundError
from chassis.idempotency import idempotent, repeatable
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.views import whole_list
from svc_auth import events
from svc_auth.domain.people import Membership, check_owner_stays, new_service_account
from svc_auth.domain.personal_tokens import SERVICE_KEY
from svc_auth.schemas.people import UserView
from svc_auth.schemas.service_accounts import (
    CreateServiceAccountInput,
    CreateServiceKeyInput,
    NewServiceKeyView,
    ServiceKeyView,
)
from svc_auth.service.personal_tokens import PersonalTokenMethods
from svc_auth.service.users import UserMethods

__all__ = ["ServiceAccountMethods"]


class ServiceAccountMethods(PersonalTokenMethods, UserMethods):
    """What can be done with service accounts; the rest is done as with users."""

    @rpc(needs="users:write")
    @idempotent
    def create_service_account(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Make a member that is a program: with roles and teams, and keys to act by.

        It is listed, changed, deactivated and restored among the users. It
        cannot log in, and its keys make no further ones.

        Needs the ``users:write`` permission, and all that its roles grant.

        Args:
            payload: A ``CreateServiceAccountInput``.

        Returns:
            A ``UserView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``:
                there is no such role.
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            ConflictError: ``owner_is_fixed``.

        Emits:
            ``auth.member_joined`` v1.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        data = load(CreateServiceAccountInput(), payload)
        check_owner_stays((), data["roles"])
        self.check_roles(data["roles"])
        self.check_held(self.rights_of(data["roles"]))
        account = new_service_account(
            self.operation.new_id("membership"),
            self.operation.new_id("service_account"),
            org_id=caller.org_id,
            name=data["name"],
            roles=data["roles"],
            now=self.context.now(),
        )
        stored = self.memberships.add(account, events.member_joined(account))
        view: dict[str, Any] = UserView().dump(stored)
        return view

    @rpc(needs="users:write")
    @repeatable
    def create_service_key(
        self, *, service_account_id: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """Make a key with which a service account acts; its secret is shown this once.

        Only for people who log in themselves. Repeated with its key it is the same
        one, with another secret; the one before is good no more.

        Needs the ``users:write`` permission, and all that its roles grant.

        Args:
            service_account_id: Whose.
            payload: A ``CreateServiceKeyInput``.

        Returns:
            A ``NewServiceKeyView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            NotFoundError: ``service_account_not_found``, or
                ``access_token_not_found``: it is a repetition, and what was made
                has ended since.
            ConflictError: ``too_many_tokens``: there are ten.

        Emits:
            ``auth.session_started`` v1.
        """
        self.context.identified_caller.require_presence()
        data = load(CreateServiceKeyInput(), payload)
        account = self._account(service_account_id)
        self.check_held(self.rights_of(account.roles))
        made = self.new_token(SERVICE_KEY, account.person_id, data)
        view: dict[str, Any] = NewServiceKeyView().dump(made)
        return view

    @rpc(needs="users:read")
    def list_service_keys(self, *, service_account_id: str) -> dict[str, Any]:
        """A service account's live keys, the newest first.

        Needs the ``users:read`` permission.

        Returns:
            ``{"data": [ServiceKeyView], "page": {…}}``, of ten at most.

        Raises:
            NotFoundError: ``service_account_not_found``.
        """
        account = self._account(service_account_id)
        keys = self.live_tokens(SERVICE_KEY, account.person_id)
        return whole_list(ServiceKeyView(many=True).dump(self.with_use(keys)))

    @rpc(needs="users:write")
    @idempotent
    def revoke_service_key(self, *, service_account_id: str, key_id: str) -> None:
        """End one of a service account's keys, everywhere within two seconds.

        Needs the ``users:write`` permission.

        Raises:
            NotFoundError: ``service_account_not_found``, or
                ``service_key_not_found``, also for one that has ended.

        Emits:
            ``auth.session_revoked`` v1.
        """
        account = self._account(service_account_id)
        if self.live_token(SERVICE_KEY, account.person_id, key_id) is not None:
            self.end_session(key_id, "revoked")
        elif not self.has_ended(key_id):
            raise NotFoundError("service_key_not_found", "There is no such key.")

    def _account(self, service_account_id: str) -> Membership:
        found = self.memberships.find_live(service_account_id)
        if found is None or not found.is_service_account:
            raise NotFoundError(
                "service_account_not_found", "There is no such service account."
            )
        return found
