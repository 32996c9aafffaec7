"""RPCs of opportunities."""

from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.signing import CurrentContext
from chassis.views import without
from svc_sales.domain.opportunities import Opportunity
from svc_sales.repository.opportunities import OpportunityRepository
from svc_sales.schemas.opportunities import OpportunityView

__all__ = ["OpportunityMethods"]

_VIEW: Final = OpportunityView()


class OpportunityMethods:
    """What can be done with opportunities."""

    context: Context = inject(CurrentContext())
    opportunities: OpportunityRepository = inject(Repositories(OpportunityRepository))

    @rpc
    def get_opportunity(self, *, opportunity_id: str) -> dict[str, Any]:
        """One opportunity.

        Needs the ``opportunities:read`` permission.

        Returns:
            An ``OpportunityView``.

        Raises:
            NotFoundError: ``opportunity_not_found``.
        """
        self.context.identified_caller.require("opportunities:read")
        return self._shown(self.opportunities.get(opportunity_id))

    @rpc
    def list_opportunities(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of opportunities.

        Needs the ``opportunities:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [OpportunityView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.context.identified_caller.require("opportunities:read")
        return self.opportunities.page(query, _VIEW.fields).view(self._shown)

    def _shown(self, opportunity: Opportunity) -> dict[str, Any]:
        """The opportunity as the caller may see it."""
        hidden = self.opportunities.hidden_fields
        view: dict[str, Any] = without(_VIEW.dump(opportunity), hidden)
        return view
