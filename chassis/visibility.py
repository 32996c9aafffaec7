"""Which events of an organization a caller may see.

The same rights as for the records that they tell of: ``<resource>:read``, as
far as it reaches by the ``acl`` in the event's visibility. The log is read by a
condition and the live stream is filtered one by one; both ways are here.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from chassis.auth import Caller, Reach

__all__ = ["reaches", "resource_of", "sees", "visible"]

_IRREGULAR: Final = {
    "act": "audit-log",
    "custom_field": "custom-fields",
    "opportunity": "opportunities",
    "delivery": "deliveries",
    "org": "org",
    # Who may see a record may see which segments it comes into.
    "account_membership": "accounts",
    "contact_membership": "contacts",
}
_EVERY: Final = "*"


def resource_of(aggregate_type: str) -> str:
    """The resource in permissions that records of this type belong to."""
    return _IRREGULAR.get(aggregate_type, f"{aggregate_type}s")


def sees(caller: Caller, resource: str, acl: Collection[str]) -> bool:
    """Whether the caller may see an event of a record of ``resource``."""
    return reaches(caller, f"{resource}:read", acl)


def reaches(caller: Caller, permission: str, acl: Collection[str]) -> bool:
    """Whether a permission of the caller's reaches a record.

    What ``Caller.predicate`` asks of the database, asked of one record.
    """
    reach = caller.reach(permission)
    if reach == "team":
        return caller.principal_id in acl or not set(acl).isdisjoint(caller.team_ids)
    return reach == "all" or (reach == "own" and caller.principal_id in acl)


def visible(caller: Caller) -> dict[str, Any]:
    """The condition on rows with ``resource`` and ``acl`` that ``sees`` makes."""
    named = {
        name.removesuffix(":read")
        for name in caller.grants
        if name.endswith(":read") and name != f"{_EVERY}:read"
    }
    by_reach: dict[Reach, list[str]] = {}
    for resource in sorted(named):
        by_reach.setdefault(caller.reach(f"{resource}:read"), []).append(resource)
    rights = [
        {"resource": {"$in": resources}, **condition}
        for reach, resources in by_reach.items()
        if (condition := _acl(caller, reach)) is not None
    ]
    others = _acl(caller, caller.reach(_EVERY))
    if others is not None:
        rights.append({"resource": {"$nin": sorted(named)}, **others})
    return {"$or": rights} if rights else {"_id": {"$in": []}}


def _acl(caller: Caller, reach: Reach) -> Mapping[str, Any] | None:
    if reach == "all":
        return {}
    if reach == "team":
        return {"acl": {"$in": [caller.principal_id, *caller.team_ids]}}
    return {"acl": caller.principal_id} if reach == "own" else None
