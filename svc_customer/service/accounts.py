"""RPCs of accounts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar, cast

from chassis.batches import Batch
from chassis.chronicle import Chronicle
from chassis.errors import NotFoundError
from chassis.folding import fold
from chassis.giving_way import turn
from chassis.idempotency import idempotent
from chassis.resources import Kind
from chassis.rpc import rpc
from svc_customer import events
from svc_customer.domain.accounts import (
    DEEPEST,
    Account,
    check_place,
    new_account,
)
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.records import external_keys
from svc_customer.schemas.accounts import (
    AccountView,
    CreateAccountInput,
    UpdateAccountInput,
)
from svc_customer.service.custom_values import CustomizedRecords, values_to_match
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.phones import with_account_number

__all__ = ["AccountMethods", "account_records"]

Stored = TypeVar("Stored")

_CHILDREN_SHOWN: Final = "200"

_ACCOUNT: Final = Kind(
    create_input=CreateAccountInput(),
    update_input=UpdateAccountInput(),
    view=AccountView(),
    make=new_account,
    change=Account.changed,
    change_back=Account.put_back,
    archive=Account.archived,
    restore=Account.restored,
    created=events.account_created,
    updated=events.account_updated,
    archived=events.account_archived,
    restored=events.account_restored,
    match_by={
        "external_id": lambda data: external_keys(data.get("external_ids", {})),
        "domain": lambda data: [fold(data["domain"])] if data.get("domain") else [],
    },
    match_by_key=values_to_match,
)


class _Accounts(CustomizedRecords[Account]):
    """Accounts, which have a number to be read and a place in a tree."""

    def __init__(self, accounts: AccountRepository, service: Dependencies) -> None:
        super().__init__(_ACCOUNT, accounts, service)
        self._accounts = accounts
        self._transaction = service.transaction

    def read_new(self, payload: Any) -> dict[str, Any]:
        data = with_account_number(super().read_new(payload))
        if parent_id := data.get("parent_id"):
            check_place(None, self._accounts.way_up(parent_id), 0)
        return data

    def read_patch(
        self, record: Account, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        read = super().read_patch(record, payload, is_back=is_back)
        patch = with_account_number(read, record)
        parent_id = patch.get("parent_id")
        if parent_id and parent_id != record.parent_id:
            levels = self._accounts.levels_beneath(record.id)
            check_place(record.id, self._accounts.way_up(parent_id), levels)
        return patch

    def _updated(
        self,
        record_id: str,
        payload: Mapping[str, Any],
        expected_version: int | None,
        *,
        is_back: bool,
    ) -> dict[str, Any]:
        update = partial(
            super()._updated, record_id, payload, expected_version, is_back=is_back
        )
        return update() if payload.get("parent_id") is None else self.tied(update)

    def is_tied(self, before: Account, after: Account) -> bool:
        # Others may be about to move what this one is moved to.
        return after.parent_id not in {None, before.parent_id}

    def tied(self, update: Callable[[], Stored]) -> Stored:
        # Those of one tree would abort each other.
        with turn(f"accounts {self._context.org_id}", self._context.deadline):
            return cast("Stored", self._transaction(update))


def account_records(worker: Dependencies) -> _Accounts:
    """The accounts, in the hands of one worker."""
    return _Accounts(worker.accounts, worker)


class AccountMethods(Dependencies):
    """What can be done with accounts."""

    def _accounts(self) -> _Accounts:
        return account_records(self)

    def _past_accounts(self) -> Chronicle[Account]:
        return Chronicle(self._accounts())

    @rpc(needs="accounts:write")
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
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``duplicate_value``: an external id, or the value of
                a unique custom field, is taken.

        Emits:
            ``customer.account_created`` v1.
        """
        return self._accounts().create(payload)

    @rpc
    def get_account(
        self, *, account_id: str, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One account, or what it was at a time.

        As it is only while it is live; as of a time, archived or not.

        Needs the ``accounts:read`` permission.

        Args:
            account_id: Which one.
            query: A ``PastQuery``.

        Returns:
            An ``AccountView``.

        Raises:
            NotFoundError: ``account_not_found``, also when it is archived or
                the caller may not see it, or had not been made by then.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        return self._past_accounts().get(account_id, query)

    @rpc
    def list_account_history(
        self, *, account_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of what became of an account, archived or not.

        An event is there as soon as its change is answered. Fields that the
        caller may not see are left out.

        Needs the ``accounts:read`` permission.

        Args:
            account_id: Which one.
            query: A ``HistoryQuery``.

        Returns:
            ``{"data": [HistoryItemView], "page": {…}}``.

        Raises:
            NotFoundError: ``account_not_found``, also when the caller may not
                see it.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        return self._past_accounts().history(account_id, query)

    @rpc(needs="accounts:write")
    @idempotent
    def revert_account(
        self,
        *,
        account_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Bring an account, or some of its fields, back to what it was.

        That is a change like any other: what is no longer acceptable is
        refused, and the history goes on. Whether it is archived stays as it is.

        Needs the ``accounts:write`` permission, and that of reading them.

        Args:
            account_id: A live account.
            payload: A ``RevertInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``AccountView``.

        Raises:
            InvalidInputError: ``invalid_input``: there was no such state; or
                as for a patch, ``reference_not_found``.
            NotFoundError: ``account_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``value_erased``, ``duplicate_value``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.account_updated`` v1.
        """
        return self._past_accounts().revert(account_id, payload, expected_version)

    @rpc
    def list_accounts(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of accounts.

        ``filter[custom.<key>]`` finds by those fields of the organization's own
        that are indexed, with the operators of their type except ``contains``.

        Needs the ``accounts:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [AccountView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter; ``field_not_indexed``.
            ConflictError: ``index_building``: lists do not find by the custom
                field yet; ``index_failed``: nor will they.
        """
        return self._accounts().page(query)

    @rpc
    def get_account_hierarchy(self, *, account_id: str) -> dict[str, Any]:
        """The accounts that one belongs to, and those that belong to it.

        Needs the ``accounts:read`` permission.

        Returns:
            A ``HierarchyView``.

        Raises:
            ForbiddenError: ``field_forbidden``: ``parent_id`` is hidden.
            NotFoundError: ``account_not_found``, also when it is archived or
                the caller may not see it.
        """
        self.permitted("accounts:read").require_visible("accounts", ["parent_id"])
        accounts = self._accounts()
        account = accounts.get(account_id)
        ancestors: list[dict[str, Any]] = []
        parent_id = account.get("parent_id")
        # What ends the way for the caller ends it here.
        with suppress(NotFoundError):
            while parent_id is not None and len(ancestors) < DEEPEST:
                ancestors.insert(0, accounts.get(parent_id))
                parent_id = ancestors[0].get("parent_id")
        beneath = {"filter[parent_id]": account_id, "limit": _CHILDREN_SHOWN}
        children = accounts.page(beneath)
        return {
            "ancestors": ancestors,
            "account": account,
            "children": children["data"],
            "has_more_children": children["page"]["has_more"],
        }

    @rpc(needs="accounts:write")
    @idempotent
    def update_account(
        self,
        *,
        account_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing. One made for an
        earlier version is applied unless others changed the same fields.

        Needs the ``accounts:write`` permission.

        Args:
            account_id: A live account.
            payload: An ``UpdateAccountInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``AccountView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``reference_not_found``,
                ``account_cycle`` or ``account_too_deep``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            NotFoundError: ``account_not_found``.
            ConflictError: ``duplicate_value``: an external id, or the value of
                a unique custom field, is taken; ``lifecycle_transition_refused``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.account_updated`` v1.
        """
        return self._accounts().update(account_id, payload, expected_version)

    @rpc(needs="accounts:write")
    @idempotent
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
        self._accounts().archive(account_id, expected_version)

    @rpc(needs="accounts:write")
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
        return self._accounts().restore(account_id, expected_version)

    @rpc(needs="accounts:write")
    @idempotent
    def batch_accounts(self, *, operations: list[Any]) -> dict[str, Any]:
        """Carry out up to 500 operations, each for itself and in order.

        Needs the ``accounts:write`` permission.

        Args:
            operations: Each a ``BatchOperationInput``; an upsert finds its
                account by ``external_id``, ``domain`` or a unique
                ``custom.<key>``.

        Returns:
            See ``chassis.batches.Batch.run``.

        Raises:
            InvalidInputError: ``invalid_input``: no list of 1 to 500.
            DeadlineExceededError: ``deadline_exceeded``; sent again with the
                same key, the batch goes on.

        Emits:
            ``customer.account_created``, ``_updated`` and ``_archived`` v1.
        """
        return Batch(self._accounts(), self.match_locks, self).run(operations)
