"""What the mixins of the service share."""

from collections.abc import Mapping
from typing import Any

from chassis import inject
from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import invalid_input
from chassis.idempotency import Operation
from chassis.mongo import Repositories, Transaction, Transactions
from chassis.signing import CurrentContext
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.interactions import InteractionRepository

__all__ = ["Dependencies"]


class Dependencies:
    """The injected parts, and checks that need several of them."""

    context: Context = inject(CurrentContext())
    operation: Operation = inject(Repositories(Operation))
    transaction: Transaction = inject(Transactions())
    accounts: AccountRepository = inject(Repositories(AccountRepository))
    contacts: ContactRepository = inject(Repositories(ContactRepository))
    interactions: InteractionRepository = inject(Repositories(InteractionRepository))

    def permitted(self, permission: str) -> Caller:
        """The caller, who holds ``permission``."""
        caller = self.context.identified_caller
        caller.require(permission)
        return caller

    def owner(self, caller: Caller) -> str | None:
        """Who owns what this caller makes; a service leaves it open."""
        return caller.principal_id if caller.principal_type == "person" else None

    def check_references(self, data: Mapping[str, Any]) -> None:
        """Refuse references to records that the organization does not have.

        Raises:
            InvalidInputError: ``reference_not_found``, naming the fields.
        """
        caller = self.context.identified_caller
        found = {
            "account_id": self.accounts.find,
            "parent_id": self.accounts.find,
            "contact_id": self.contacts.find,
            # Membership is svc_auth's to know; until a read model of it is
            # here, records can be given to nobody but oneself.
            "owner_id": lambda owner: owner == caller.principal_id or None,
        }
        missing = [
            name
            for name, find in found.items()
            if data.get(name) and find(data[name]) is None  # type: ignore[no-untyped-call]
        ]
        if missing:
            raise invalid_input(
                [{"field": name, "code": "reference_not_found"} for name in missing],
                "reference_not_found",
                "This refers to something that is not there.",
            )
