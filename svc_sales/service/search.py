"""Finding leads and opportunities by what somebody types."""

from typing import Any

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.searching import Searched, search_records
from chassis.signing import CurrentContext
from svc_sales.domain.leads import Lead
from svc_sales.repository.leads import LeadRepository
from svc_sales.repository.opportunities import OpportunityRepository

__all__ = ["SearchMethods"]


def _name(lead: Lead) -> str | None:
    name = " ".join(filter(None, (lead.first_name, lead.last_name)))
    return name or lead.title


class SearchMethods:
    """What can be found."""

    context: Context = inject(CurrentContext())
    leads: LeadRepository = inject(Repositories(LeadRepository))
    opportunities: OpportunityRepository = inject(Repositories(OpportunityRepository))

    @rpc
    def search_records(self, *, q: str, kinds: list[str], limit: int) -> dict[str, Any]:
        """Leads and opportunities that have every word of ``q``, best first.

        A word fits the beginning of a word of a name, of an e-mail address
        or its parts, or of a telephone number.

        Needs the read permission of each kind.

        Args:
            q: 1 to 100 characters.
            kinds: ``leads``, ``opportunities``.
            limit: Hits of each kind, 1 to 50.

        Returns:
            By kind; see ``chassis.searching.search_records``.

        Raises:
            InvalidInputError: 400 ``invalid_query`` or ``invalid_limit``.
        """
        searched: dict[str, Searched[Any]] = {
            "leads": Searched(
                self.leads,
                "lead",
                title=_name,
                subtitle=lambda lead: lead.company or lead.email,
                matched={"n": "name", "e": "email", "p": "phone"},
            ),
            "opportunities": Searched(
                self.opportunities,
                "opportunity",
                title=lambda opportunity: opportunity.name,
                subtitle=lambda opportunity: opportunity.status.value,
                matched={"n": "name"},
            ),
        }
        caller = self.context.identified_caller
        return search_records(searched, caller, q, kinds, limit)
