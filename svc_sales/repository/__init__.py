"""Where svc_sales keeps what it owns."""

from typing import Final

from chassis.event_log import OUTBOX_COLLECTIONS
from chassis.idempotency import IDEMPOTENCY_KEYS
from chassis.matching import MATCH_LOCKS
from svc_sales.repository.leads import LEADS, LeadRepository
from svc_sales.repository.opportunities import OPPORTUNITIES, OpportunityRepository

__all__ = ["COLLECTIONS", "RECORDS", "REPOSITORIES"]

RECORDS: Final = (LEADS, OPPORTUNITIES)
COLLECTIONS: Final = (*RECORDS, IDEMPOTENCY_KEYS, MATCH_LOCKS, *OUTBOX_COLLECTIONS)
REPOSITORIES: Final = (LeadRepository, OpportunityRepository)
