"""The events of svc_auth."""

from chassis.events import Event, changes_between
from svc_auth.domain.orgs import Org
from svc_auth.domain.sessions import Session
from svc_auth.domain.signing_keys import SigningKey

__all__ = [
    "org_registered",
    "session_revoked",
    "signing_key_added",
    "signing_key_retired",
]


def org_registered(org: Org) -> Event:
    """An organization exists and has an owner."""
    return Event(
        name="auth.org_registered",
        data={"owner_id": org.owner_id},
        changes=changes_between(None, org),
    )


def session_revoked(before: Session, after: Session) -> Event:
    """None of a session's tokens is good any more."""
    return Event(
        name="auth.session_revoked",
        data={"owner_id": after.owner_id, "reason": after.revoked_because},
        changes=changes_between(before, after),
    )


def signing_key_added(key: SigningKey) -> Event:
    """There is another key, which signs access tokens soon."""
    return Event(name="auth.signing_key_added", data={"key_id": key.key_id})


def signing_key_retired(key: SigningKey) -> Event:
    """No token that this key signed is good any more."""
    return Event(name="auth.signing_key_retired", data={"key_id": key.key_id})
