"""The events of svc_auth."""

from chassis.events import Event, changes_between
from svc_auth.domain import Org

__all__ = ["org_registered"]


def org_registered(org: Org) -> Event:
    """An organization exists and has an owner."""
    return Event(
        name="auth.org_registered",
        data={"owner_id": org.owner_id},
        changes=changes_between(None, org),
    )
