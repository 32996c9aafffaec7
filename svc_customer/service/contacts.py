"""RPCs of contacts."""

from typing import Any

from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_customer import events
from svc_customer.domain.contacts import Contact, change_contact, new_contact
from svc_customer.schemas.contacts import (
    ContactView,
    CreateContactInput,
    UpdateContactInput,
)
from svc_customer.service.dependencies import Dependencies

__all__ = ["ContactMethods"]


def _view(contact: Contact) -> dict[str, Any]:
    view: dict[str, Any] = ContactView().dump(contact)
    return view


class ContactMethods(Dependencies):
    """What can be done with contacts."""

    @rpc
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
            ConflictError: ``duplicate_value``: an external id is taken.

        Emits:
            ``customer.contact_created`` v1.
        """
        caller = self.permitted("contacts:write")
        data = load(CreateContactInput(), payload)
        self.check_references(data)
        contact = new_contact(
            self.operation.new_id("contact"),
            data,
            self.owner(caller),
            self.context.now(),
        )
        return _view(self.contacts.add(contact, events.contact_created(contact)))

    @rpc
    def get_contact(self, *, contact_id: str) -> dict[str, Any]:
        """One contact.

        Needs the ``contacts:read`` permission.

        Returns:
            A ``ContactView``.

        Raises:
            NotFoundError: ``contact_not_found``, also when it is archived or
                the caller may not see it.
        """
        self.permitted("contacts:read")
        return _view(self.contacts.get(contact_id))

    @rpc
    def list_contacts(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of contacts.

        Needs the ``contacts:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [ContactView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.permitted("contacts:read")
        return self.contacts.page(query).view(_view)

    @rpc
    @idempotent
    def update_contact(
        self,
        *,
        contact_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing.

        Needs the ``contacts:write`` permission.

        Args:
            contact_id: A live contact.
            payload: An ``UpdateContactInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``ContactView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            NotFoundError: ``contact_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.contact_updated`` v1.
        """
        self.permitted("contacts:write")
        patch = load(UpdateContactInput(), payload)
        self.check_references(patch)
        now = self.context.now()
        changed = self.contacts.change(
            contact_id,
            lambda contact: change_contact(contact, patch, now),
            events.contact_updated,
            expected_version=expected_version,
        )
        return _view(changed)

    @rpc
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
        self.permitted("contacts:write")
        now = self.context.now()
        self.contacts.change(
            contact_id,
            lambda contact: contact.archived(now),
            events.contact_archived,
            expected_version=expected_version,
        )

    @rpc
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
        self.permitted("contacts:write")
        now = self.context.now()
        restored = self.contacts.change(
            contact_id,
            lambda contact: contact.restored(now),
            events.contact_restored,
            expected_version=expected_version,
            is_archived=True,
        )
        return _view(restored)
