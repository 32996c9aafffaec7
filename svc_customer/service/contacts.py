"""RPCs of contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from chassis.batches import Batch
from chassis.chronicle import Chronicle
from chassis.idempotency import idempotent
from chassis.mailboxes import address_key
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from svc_customer import events
from svc_customer.domain.contacts import (
    Contact,
    ContactAccount,
    change_contact,
    new_contact,
    put_contact_back,
)
from svc_customer.repository.records import external_keys
from svc_customer.schemas.contacts import (
    ContactView,
    CreateContactInput,
    UpdateContactInput,
)
from svc_customer.service.custom_values import CustomizedRecords, values_to_match
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.phones import with_numbers
from svc_customer.service.primaries import with_whole_lists

__all__ = ["ContactMethods", "contact_records"]


def _primary_email(data: Mapping[str, Any]) -> list[str]:
    return [
        address_key(each.address) for each in data.get("emails", ()) if each.is_primary
    ]


_CONTACT: Final = Kind(
    create_input=CreateContactInput(),
    update_input=UpdateContactInput(),
    view=ContactView(),
    make=new_contact,
    change=change_contact,
    change_back=put_contact_back,
    archive=Contact.archived,
    restore=Contact.restored,
    created=events.contact_created,
    updated=events.contact_updated,
    archived=events.contact_archived,
    restored=events.contact_restored,
    match_by={
        "external_id": lambda data: external_keys(data.get("external_ids", {})),
        "email": _primary_email,
    },
    match_by_key=values_to_match,
)


class _Contacts(CustomizedRecords[Contact]):
    """Contacts, whose numbers are read whenever they may be others."""

    def read_new(self, payload: Any) -> dict[str, Any]:
        return with_numbers(with_whole_lists(super().read_new(payload)))

    def read_patch(
        self, record: Contact, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        patch = super().read_patch(record, payload, is_back=is_back)
        if is_back and payload.get("accounts"):
            patch["accounts"] = _as_told(patch["accounts"], payload["accounts"])
        return with_numbers(with_whole_lists(patch, record), record)

    def data_to_match(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return with_whole_lists(super().data_to_match(payload))


def _as_told(
    accounts: Sequence[ContactAccount], told: Sequence[Mapping[str, Any]]
) -> tuple[ContactAccount, ...]:
    """The accounts of then, of which perhaps none was primary."""
    return tuple(
        replace(each, is_primary=then["is_primary"])
        for each, then in zip(accounts, told, strict=True)
    )


def contact_records(worker: Dependencies) -> Records[Contact]:
    """The contacts, in the hands of one worker."""
    return _Contacts(_CONTACT, worker.contacts, worker)


class ContactMethods(Dependencies):
    """What can be done with contacts."""

    def _contacts(self) -> Records[Contact]:
        return contact_records(self)

    def _past_contacts(self) -> Chronicle[Contact]:
        return Chronicle(self._contacts())

    @rpc(needs="contacts:write")
    @idempotent
    def create_contact(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create a contact and announce it.

        Needs the ``contacts:write`` permission.

        Args:
            payload: A ``CreateContactInput``.

        Returns:
            A ``ContactView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``duplicate_value``: an external id, or the value of
                a unique custom field, is taken.

        Emits:
            ``customer.contact_created`` v1.
        """
        return self._contacts().create(payload)

    @rpc
    def get_contact(
        self, *, contact_id: str, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One contact, or what it was at a time.

        As it is only while it is live; as of a time, archived or not.

        Needs the ``contacts:read`` permission.

        Args:
            contact_id: Which one.
            query: A ``PastQuery``.

        Returns:
            A ``ContactView``.

        Raises:
            NotFoundError: ``contact_not_found``, also when it is archived or
                the caller may not see it, or had not been made by then.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        return self._past_contacts().get(contact_id, query)

    @rpc
    def list_contact_history(
        self, *, contact_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of what became of a contact, archived or not.

        An event is there as soon as its change is answered. Fields that the
        caller may not see are left out.

        Needs the ``contacts:read`` permission.

        Args:
            contact_id: Which one.
            query: A ``HistoryQuery``.

        Returns:
            ``{"data": [HistoryItemView], "page": {…}}``.

        Raises:
            NotFoundError: ``contact_not_found``, also when the caller may not
                see it.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        return self._past_contacts().history(contact_id, query)

    @rpc(needs="contacts:write")
    @idempotent
    def revert_contact(
        self,
        *,
        contact_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Bring a contact, or some of its fields, back to what it was.

        That is a change like any other: what is no longer acceptable is
        refused, and the history goes on. Whether it is archived stays as it is.

        Needs the ``contacts:write`` permission, and that of reading them.

        Args:
            contact_id: A live contact.
            payload: A ``RevertInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``ContactView``.

        Raises:
            InvalidInputError: ``invalid_input``: there was no such state; or
                as for a patch, ``reference_not_found``.
            NotFoundError: ``contact_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``value_erased``, ``duplicate_value``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.contact_updated`` v1.
        """
        return self._past_contacts().revert(contact_id, payload, expected_version)

    @rpc
    def list_contacts(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of contacts.

        ``filter[custom.<key>]`` finds by those fields of the organization's own
        that are indexed, with the operators of their type except ``contains``.

        Needs the ``contacts:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [ContactView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter; ``field_not_indexed``.
            ConflictError: ``index_building``: lists do not find by the custom
                field yet; ``index_failed``: nor will they.
        """
        return self._contacts().page(query)

    @rpc(needs="contacts:write")
    @idempotent
    def update_contact(
        self,
        *,
        contact_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing. One made for an
        earlier version is applied unless others changed the same fields.

        Needs the ``contacts:write`` permission.

        Args:
            contact_id: A live contact.
            payload: An ``UpdateContactInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``ContactView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``reference_not_found`` or
                ``contact_unidentified``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            NotFoundError: ``contact_not_found``.
            ConflictError: ``duplicate_value``: an external id, or the value of
                a unique custom field, is taken; ``lifecycle_transition_refused``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.contact_updated`` v1.
        """
        return self._contacts().update(contact_id, payload, expected_version)

    @rpc(needs="contacts:write")
    @idempotent
    def archive_contact(
        self, *, contact_id: str, expected_version: int | None = None
    ) -> None:
        """Put a contact away; it can be restored.

        Needs the ``contacts:write`` permission.

        Raises:
            NotFoundError: ``contact_not_found``, also when it is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.contact_archived`` v1.
        """
        self._contacts().archive(contact_id, expected_version)

    @rpc(needs="contacts:write")
    @idempotent
    def restore_contact(
        self, *, contact_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived contact back.

        Needs the ``contacts:write`` permission.

        Returns:
            A ``ContactView``.

        Raises:
            NotFoundError: ``contact_not_found``: none is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.contact_restored`` v1.
        """
        return self._contacts().restore(contact_id, expected_version)

    @rpc(needs="contacts:write")
    @idempotent
    def batch_contacts(self, *, operations: list[Any]) -> dict[str, Any]:
        """Carry out up to 500 operations, each for itself and in order.

        Needs the ``contacts:write`` permission.

        Args:
            operations: Each a ``BatchOperationInput``; an upsert finds its
                contact by ``external_id``, ``email`` or a unique
                ``custom.<key>``.

        Returns:
            See ``chassis.batches.Batch.run``.

        Raises:
            InvalidInputError: ``invalid_input``: no list of 1 to 500.
            DeadlineExceededError: ``deadline_exceeded``; sent again with the
                same key, the batch goes on.

        Emits:
            ``customer.contact_created``, ``_updated`` and ``_archived`` v1.
        """
        return Batch(self._contacts(), self.match_locks, self).run(operations)
