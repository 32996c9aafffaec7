"""Finding customers by what somebody types."""

from typing import Any

from chassis.rpc import rpc
from chassis.searching import Searched, search_records
from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import Contact
from svc_customer.service.dependencies import Dependencies

__all__ = ["SearchMethods"]


def _name(contact: Contact) -> str | None:
    name = " ".join(filter(None, (contact.first_name, contact.last_name)))
    return name or contact.email


def _what_it_does(account: Account) -> str | None:
    return account.domain or account.industry


class SearchMethods(Dependencies):
    """What can be found."""

    @rpc
    def search_records(self, *, q: str, kinds: list[str], limit: int) -> dict[str, Any]:
        """Accounts and contacts that have every word of ``q``, best first.

        A word fits the beginning of a word of a name, of an e-mail address
        or its parts, of a domain or of a telephone number.

        Needs the read permission of each kind.

        Args:
            q: 1 to 100 characters.
            kinds: ``accounts``, ``contacts``.
            limit: Hits of each kind, 1 to 50.

        Returns:
            By kind; see ``chassis.searching.search_records``.

        Raises:
            InvalidInputError: 400 ``invalid_query`` or ``invalid_limit``.
        """
        searched: dict[str, Searched[Any]] = {
            "accounts": Searched(
                self.accounts,
                "account",
                title=lambda account: account.name,
                subtitle=_what_it_does,
                matched={"n": "name", "e": "domain", "p": "phone"},
            ),
            "contacts": Searched(
                self.contacts,
                "contact",
                title=_name,
                subtitle=lambda contact: contact.job_title or contact.email,
                matched={"n": "name", "e": "email", "p": "phone"},
            ),
        }
        caller = self.context.identified_caller
        return search_records(searched, caller, q, kinds, limit)
