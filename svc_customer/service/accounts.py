"""RPCs of accounts."""

from typing import Any

from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_customer import events
from svc_customer.domain.accounts import Account, new_account
from svc_customer.schemas.accounts import (
    AccountView,
    CreateAccountInput,
    UpdateAccountInput,
)
from svc_customer.service.dependencies import Dependencies

__all__ = ["AccountMethods"]


def _view(account: Account) -> dict[str, Any]:
    view: dict[str, Any] = AccountView().dump(account)
    return view


class AccountMethods(Dependencies):
    """What can be done with accounts."""

    @rpc
    @idempotent
    def create_account(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create an account and announce it.

        Needs the ``accounts:write`` permission.

        Args:
            payload: A ``CreateAccountInput``.

        Returns:
            An ``AccountView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ConflictError: ``duplicate_value``: an external id is taken.

        Emits:
            ``customer.account_created`` v1.
        """
        caller = self.permitted("accounts:write")
        data = load(CreateAccountInput(), payload)
        self.check_references(data)
        account = new_account(
            self.operation.new_id("account"),
            data,
            self.owner(caller),
            self.context.now(),
        )
        return _view(self.accounts.add(account, events.account_created(account)))

    @rpc
    def get_account(self, *, account_id: str) -> dict[str, Any]:
        """One account.

        Needs the ``accounts:read`` permission.

        Returns:
            An ``AccountView``.

        Raises:
            NotFoundError: ``account_not_found``, also when it is archived or
                the caller may not see it.
        """
        self.permitted("accounts:read")
        return _view(self.accounts.get(account_id))

    @rpc
    def list_accounts(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of accounts.

        Needs the ``accounts:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [AccountView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.permitted("accounts:read")
        return self.accounts.page(query).view(_view)

    @rpc
    @idempotent
    def update_account(
        self,
        *,
        account_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing.

        Needs the ``accounts:write`` permission.

        Args:
            account_id: A live account.
            payload: An ``UpdateAccountInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``AccountView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            NotFoundError: ``account_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.account_updated`` v1.
        """
        self.permitted("accounts:write")
        patch = load(UpdateAccountInput(), payload)
        self.check_references(patch)
        now = self.context.now()
        changed = self.accounts.change(
            account_id,
            lambda account: account.changed(patch, now),
            events.account_updated,
            expected_version=expected_version,
        )
        return _view(changed)

    @rpc
    def archive_account(
        self, *, account_id: str, expected_version: int | None = None
    ) -> None:
        """Put an account away; it can be restored.

        Needs the ``accounts:write`` permission.

        Raises:
            NotFoundError: ``account_not_found``, also when it is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.account_archived`` v1.
        """
        self.permitted("accounts:write")
        now = self.context.now()
        self.accounts.change(
            account_id,
            lambda account: account.archived(now),
            events.account_archived,
            expected_version=expected_version,
        )

    @rpc
    @idempotent
    def restore_account(
        self, *, account_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived account back.

        Needs the ``accounts:write`` permission.

        Returns:
            An ``AccountView``.

        Raises:
            NotFoundError: ``account_not_found``: none is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.account_restored`` v1.
        """
        self.permitted("accounts:write")
        now = self.context.now()
        restored = self.accounts.change(
            account_id,
            lambda account: account.restored(now),
            events.account_restored,
            expected_version=expected_version,
            is_archived=True,
        )
        return _view(restored)
