"""Where svc_customer keeps what it owns."""

from typing import Final

from chassis.event_log import EVENT_LOG
from chassis.history import OPERATION_INDEX
from chassis.idempotency import IDEMPOTENCY_KEYS
from chassis.job_reports import JOB_REPORTS
from chassis.jobs import JOBS
from chassis.leases import LEASES
from chassis.matching import MATCH_LOCKS
from chassis.mongo import Collection
from chassis.vault import SUBJECT_KEYS
from svc_customer.repository.accounts import ACCOUNTS, AccountRepository
from svc_customer.repository.contacts import CONTACTS, ContactRepository
from svc_customer.repository.custom_fields import CUSTOM_FIELDS, CustomFieldRepository
from svc_customer.repository.interaction_days import INTERACTION_DAYS
from svc_customer.repository.interactions import INTERACTIONS, InteractionRepository
from svc_customer.repository.segments import (
    SEGMENT_LOCKS,
    SEGMENT_SIZES,
    SEGMENTS,
    SegmentRepository,
)
from svc_customer.repository.upgrades import interactions_become_counted

__all__ = ["COLLECTIONS", "RECORDS", "REPOSITORIES", "UPGRADES"]

RECORDS: Final = (ACCOUNTS, CONTACTS, INTERACTIONS, CUSTOM_FIELDS, SEGMENTS)
# Operations are taken back by their id.
CUSTOMER_EVENT_LOG: Final = Collection(
    EVENT_LOG.name, (*EVENT_LOG.indexes, OPERATION_INDEX), is_append_only=True
)
COLLECTIONS: Final = (
    *RECORDS,
    INTERACTION_DAYS,
    SEGMENT_LOCKS,
    SEGMENT_SIZES,
    JOBS,
    JOB_REPORTS,
    IDEMPOTENCY_KEYS,
    MATCH_LOCKS,
    CUSTOMER_EVENT_LOG,
    LEASES,
    SUBJECT_KEYS,
)
REPOSITORIES: Final = (
    AccountRepository,
    ContactRepository,
    InteractionRepository,
    CustomFieldRepository,
    SegmentRepository,
)
UPGRADES: Final = (interactions_become_counted,)
