"""The customer side of a lead's conversion."""

from typing import Any

from chassis.errors import invalid_input
from chassis.rpc import rpc
from chassis.schemas import load
from svc_customer import events
from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import new_contact
from svc_customer.schemas.conversion import UpsertCustomerInput
from svc_customer.service.custom_values import CustomReader
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.phones import with_account_number, with_numbers
from svc_customer.service.primaries import with_whole_lists

__all__ = ["ConversionMethods"]


class ConversionMethods(Dependencies):
    """What svc_sales asks for when a lead becomes a customer."""

    @rpc
    def upsert_customer(self, *, payload: dict[str, Any]) -> dict[str, str]:
        """Make sure that an account and a contact exist, both or neither.

        The caller chose the ids, so asking again makes nothing new and
        changes nothing that is there. A side without data has to exist.

        Needs the ``accounts:write`` and ``contacts:write`` permissions.

        Args:
            payload: An ``UpsertCustomerInput``.

        Returns:
            ``{"account_id", "contact_id"}``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.

        Emits:
            ``customer.account_created`` v1 and ``customer.contact_created``
            v1, for what is new.
        """
        self.permitted("accounts:write")
        self.permitted("contacts:write")
        data = load(UpsertCustomerInput(), payload)
        self.transaction(lambda: self._upsert(data))
        return {"account_id": data["account_id"], "contact_id": data["contact_id"]}

    def _upsert(self, data: dict[str, Any]) -> None:
        now, owner_id = self.context.now(), data["owner_id"]
        account_id, contact_id = data["account_id"], data["contact_id"]
        if self.accounts.find(account_id) is None:
            _needed(data["account"], "account_id")
            details = self._customized("accounts", data["account"])
            account = new_account(
                account_id, with_account_number(details), owner_id, now
            )
            self.accounts.add(account, events.account_created(account))
        if self.contacts.find(contact_id) is None:
            _needed(data["contact"], "contact_id")
            details = self._customized("contacts", data["contact"])
            details = with_whole_lists({"account_id": account_id, **details})
            contact = new_contact(contact_id, with_numbers(details), owner_id, now)
            self.contacts.add(contact, events.contact_created(contact))

    def _customized(self, resource: str, details: dict[str, Any]) -> dict[str, Any]:
        """The data of a new record, with the defaults of its custom fields.

        A lead has none of them, so that no required one holds its conversion up.
        """
        given = details.get("custom") or {}
        return details | CustomReader(resource, self).new(given, is_complete=False)


def _needed(details: dict[str, Any] | None, field: str) -> None:
    if details is None:
        raise invalid_input(
            [{"field": field, "code": "reference_not_found"}],
            "reference_not_found",
            "This refers to something that is not there.",
        )
