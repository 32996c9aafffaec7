"""Where svc_auth keeps what it owns."""

from typing import Final

from chassis.outbox import OUTBOX_COLLECTIONS
from svc_auth.repository.orgs import ORGS, OrgRepository
from svc_auth.repository.people import MEMBERSHIPS, PEOPLE
from svc_auth.repository.sessions import REFRESH_TOKENS, SESSIONS, SessionRepository
from svc_auth.repository.signing_keys import SIGNING_KEYS, SigningKeyRepository

__all__ = ["COLLECTIONS", "RECORDS", "REPOSITORIES"]

RECORDS: Final = (ORGS, SESSIONS, SIGNING_KEYS)
COLLECTIONS: Final = (
    *RECORDS,
    PEOPLE,
    MEMBERSHIPS,
    REFRESH_TOKENS,
    *OUTBOX_COLLECTIONS,
)
REPOSITORIES: Final = (OrgRepository, SessionRepository, SigningKeyRepository)
