"""What the mixins of the service share."""

from collections.abc import Mapping
from typing import Any

from chassis import inject
from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import invalid_input
from chassis.idempotency import Operation
from chassis.matching import MatchLocks
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
    match_locks: MatchLocks = inject(Repositories(MatchLocks))

    def permitted(self, permission: str) -> Caller:
        """The caller, who holds ``permission``."""
        caller = self.context.identified_caller
        caller.require(permission)
        return caller

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
            "team_ids": lambda teams: caller.sees_teams(teams) or None,
        }
        # The rows of a batch often refer to the same thing.
        known = self.__dict__.setdefault("known_references", set())
        given = {(name, data[name]) for name in found if data.get(name)} - known
        missing = [name for name, value in sorted(given) if found[name](value) is None]  # type: ignore[no-untyped-call]
        known |= {(name, value) for name, value in given if name not in missing}
        if missing:
            raise invalid_input(
                [{"field": name, "code": "reference_not_found"} for name in missing],
                "reference_not_found",
                "This refers to something that is not there.",
            )
