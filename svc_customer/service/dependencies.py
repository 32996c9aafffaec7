"""What the mixins of the service share."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from chassis import inject
from chassis.assigning import Assigning
from chassis.auth import Caller
from chassis.calling import Remote, RemoteService
from chassis.context import Context
from chassis.errors import invalid_input
from chassis.idempotency import Operation
from chassis.matching import MatchLocks
from chassis.mongo import Repositories, Transaction, Transactions
from chassis.signing import CurrentContext
from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import ContactAccount
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.custom_fields import CustomFieldRepository
from svc_customer.repository.interactions import InteractionRepository

__all__ = ["Dependencies"]


class Dependencies(Assigning):
    """The injected parts, and checks that need several of them."""

    naming_people = ("owner_id", "mentions")
    context: Context = inject(CurrentContext())
    operation: Operation = inject(Repositories(Operation))
    transaction: Transaction = inject(Transactions())
    accounts: AccountRepository = inject(Repositories(AccountRepository))
    contacts: ContactRepository = inject(Repositories(ContactRepository))
    interactions: InteractionRepository = inject(Repositories(InteractionRepository))
    custom_fields: CustomFieldRepository = inject(Repositories(CustomFieldRepository))
    match_locks: MatchLocks = inject(Repositories(MatchLocks))
    auth: Remote = inject(RemoteService("auth"))

    def permitted(self, permission: str) -> Caller:
        """The caller, who holds ``permission``."""
        caller = self.context.identified_caller
        caller.require(permission)
        return caller

    def members_among(self, person_ids: list[str]) -> list[str]:
        """Ask svc_auth."""
        found: list[str] = self.auth.call("find_members", person_ids=person_ids)
        return found

    def teams_among(self, team_ids: list[str]) -> list[str]:
        """Ask svc_auth."""
        found: list[str] = self.auth.call("find_teams", team_ids=team_ids)
        return found

    def check_references(self, resource: str, data: Mapping[str, Any]) -> None:
        """Refuse references to what the organization does not have.

        Args:
            resource: What refers to it.
            data: By what name.

        Raises:
            InvalidInputError: ``reference_not_found``, naming the fields.
            UnavailableError: ``service_unavailable``: somebody else, or a team
                that the caller does not see, is named, and svc_auth is away.
        """
        found = {
            "account_id": self.accounts.find,
            "parent_id": self._find_live_account,
            "contact_id": self.contacts.find,
            "thread_id": self.interactions.find,
            "in_reply_to": self.interactions.find,
            "owner_id": lambda owner: self.members.include([owner]) or None,
        }
        given = [(name, data[name]) for name in sorted(found) if data.get(name)]
        for each in given:
            if each not in self.referred:
                name, value = each
                self.referred[each] = found[name](value)  # type: ignore[no-untyped-call]
        missing = [each[0] for each in given if self.referred[each] is None]
        if not self.may_be_given(resource, data.get("team_ids", ())):
            missing.append("team_ids")
        missing += self._missing_people(data.get("mentions", ()))
        missing += self._missing_accounts(data.get("accounts", ()))
        if missing:
            raise invalid_input(
                [{"field": name, "code": "reference_not_found"} for name in missing],
                "reference_not_found",
                "This refers to something that is not there.",
            )

    @cached_property
    def referred(self) -> dict[tuple[str, Any], Any]:
        """What was found by names and values of fields that refer to something.

        The rows of a batch often refer to the same thing.
        """
        return {}

    def _missing_people(self, mentions: Sequence[str]) -> list[str]:
        """The places in a list of people who are no members."""
        self.members.learn(mentions)
        return [
            f"mentions.{place}"
            for place, each in enumerate(mentions)
            if not self.members.include([each])
        ]

    def _missing_accounts(self, named: Sequence[ContactAccount]) -> list[str]:
        """The places in a contact's list of accounts that are not there."""
        if not named:
            return []
        found = self.accounts.existing([each.account_id for each in named])
        return [
            f"accounts.{place}.account_id"
            for place, each in enumerate(named)
            if each.account_id not in found
        ]

    def _find_live_account(self, account_id: str) -> Account | None:
        account = self.accounts.find(account_id)
        return None if account is None or account.archived_at is not None else account
