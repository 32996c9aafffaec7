"""The events role of svc_sales: it publishes, and finishes conversions."""

import logging
from datetime import timedelta
from typing import Final

from chassis import inject
from chassis.errors import WireError
from chassis.mongo import Repositories
from chassis.outbox import OutboxRelay
from chassis.timers import leased_timer
from svc_sales import repository
from svc_sales.jobs import LeadConversion
from svc_sales.repository.leads import StuckConversions

__all__ = ["SalesEvents"]

logger = logging.getLogger(__name__)

_STUCK_AFTER: Final = timedelta(seconds=20)
_AT_ONCE: Final = 50


class SalesEvents(LeadConversion):
    """Relays events; finishes what a crash left half-way."""

    name = "sales"

    relay: None = inject(OutboxRelay(*(each.name for each in repository.RECORDS)))
    stuck: StuckConversions = inject(Repositories(StuckConversions))

    @leased_timer(10)
    def resume_conversions(self) -> None:
        """Finish conversions that nobody has worked on for twenty seconds.

        A lead that svc_customer refuses becomes qualified again; one that it
        cannot answer for now is left for the next time.
        """
        since = self.context.now() - _STUCK_AFTER
        for org_id, lead_id in self.stuck.find(since, _AT_ONCE):
            self.context.org_id = org_id
            try:
                self.finish_conversion(self.leads.get(lead_id), org_id)
            except WireError as error:
                extra = {"lead_id": lead_id, "code": error.code}
                logger.warning("conversion not finished", extra=extra)
