"""The rpc role of svc_sales, composed of one mixin per aggregate."""

from chassis.rpc import rpc
from svc_sales.service import leads, opportunities, search

__all__ = ["SalesService"]


class SalesService(
    leads.LeadMethods, opportunities.OpportunityMethods, search.SearchMethods
):
    """From the first lead to an opportunity."""

    name = "sales"

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}
