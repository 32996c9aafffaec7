"""Where svc_auth keeps what it owns."""

from typing import Final

from chassis.idempotency import IDEMPOTENCY_KEYS
from chassis.leases import LEASES
from chassis.vault import SUBJECT_KEYS
from svc_auth.repository.audit import ACTS, AUTH_EVENT_LOG, ActRepository
from svc_auth.repository.challenges import CHALLENGES, ChallengeRepository
from svc_auth.repository.invitations import INVITATIONS, InvitationRepository
from svc_auth.repository.login_delays import LOGIN_DELAYS
from svc_auth.repository.oauth_clients import (
    CLIENT_FAILURES,
    OAUTH_CLIENTS,
    OAuthClientRepository,
)
from svc_auth.repository.oauth_devices import DEVICE_REQUESTS
from svc_auth.repository.oauth_grants import AUTHORIZATION_CODES, BROWSER_LOGINS
from svc_auth.repository.orgs import ORGS, OrgRepository
from svc_auth.repository.people import MEMBERSHIPS, PEOPLE, MembershipRepository
from svc_auth.repository.roles import ROLES, RoleRepository
from svc_auth.repository.second_factors import SECOND_FACTORS
from svc_auth.repository.sessions import (
    PERSONAL_TOKENS,
    REFRESH_TOKENS,
    SESSIONS,
    SessionRepository,
)
from svc_auth.repository.signing_keys import SIGNING_KEYS, SigningKeyRepository
from svc_auth.repository.teams import TEAMS, TeamRepository
from svc_auth.repository.upgrades import memberships_become_records

__all__ = ["COLLECTIONS", "RECORDS", "REPOSITORIES", "UPGRADES"]

RECORDS: Final = (
    ACTS,
    CHALLENGES,
    INVITATIONS,
    MEMBERSHIPS,
    OAUTH_CLIENTS,
    ORGS,
    ROLES,
    SESSIONS,
    SIGNING_KEYS,
    TEAMS,
)
COLLECTIONS: Final = (
    *RECORDS,
    PEOPLE,
    REFRESH_TOKENS,
    PERSONAL_TOKENS,
    AUTHORIZATION_CODES,
    BROWSER_LOGINS,
    DEVICE_REQUESTS,
    CLIENT_FAILURES,
    LOGIN_DELAYS,
    SECOND_FACTORS,
    IDEMPOTENCY_KEYS,
    AUTH_EVENT_LOG,
    LEASES,
    SUBJECT_KEYS,
)
REPOSITORIES: Final = (
    ActRepository,
    ChallengeRepository,
    InvitationRepository,
    OAuthClientRepository,
    MembershipRepository,
    OrgRepository,
    RoleRepository,
    SessionRepository,
    SigningKeyRepository,
    TeamRepository,
)
# What ``./crm migrate`` does once more each time, to find nothing left to do.
UPGRADES: Final = (memberships_become_records,)
