"""Where svc_customer keeps what it owns."""

from typing import Final

from chassis.idempotency import IDEMPOTENCY_KEYS
from chassis.jobs import JOBS
from chassis.matching import MATCH_LOCKS
from chassis.outbox import OUTBOX_COLLECTIONS
from svc_customer.repository.accounts import ACCOUNTS, AccountRepository
from svc_customer.repository.contacts import CONTACTS, ContactRepository
from svc_customer.repository.custom_fields import CUSTOM_FIELDS, CustomFieldRepository
from svc_customer.repository.interaction_days import INTERACTION_DAYS
from svc_customer.repository.interactions import INTERACTIONS, InteractionRepository

__all__ = ["COLLECTIONS", "RECORDS", "REPOSITORIES"]

RECORDS: Final = (ACCOUNTS, CONTACTS, INTERACTIONS, CUSTOM_FIELDS)
COLLECTIONS: Final = (
    *RECORDS,
    INTERACTION_DAYS,
    JOBS,
    IDEMPOTENCY_KEYS,
    MATCH_LOCKS,
    *OUTBOX_COLLECTIONS,
)
REPOSITORIES: Final = (
    AccountRepository,
    ContactRepository,
    InteractionRepository,
    CustomFieldRepository,
)
