"""RPCs of opportunities."""

from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.signing import CurrentContext
from svc_sales.domain.opportunities import Opportunity
from svc_sales.repository.opportunities import OpportunityRepository
from svc_sales.schemas.opportunities import OpportunityView

__all__ = ["OpportunityMethods"]

_VIEW: Final = OpportunityView()


def _view(opportunity: Opportunity) -> dict[str, Any]:
    view: dict[str, Any] = _VIEW.dump(opportunity)
    return view


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
        return _view(self.opportunities.get(opportunity_id))

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
        return self.opportunities.page(query, _VIEW.fields).view(_view)
