"""What there is to be permitted, and the roles that permit it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from svc_auth.domain.field_rights import Fields
from svc_auth.domain.records import ChangingRecord

__all__ = [
    "BUILT_IN_ROLES",
    "OWNED",
    "PERMISSIONS",
    "REACHES",
    "BuiltInRole",
    "Grants",
    "Reach",
    "Role",
    "beyond",
    "flat",
    "narrowed",
    "union",
]

Reach = Literal["none", "own", "team", "all"]
# "<resource>:<action>" to how far it reaches; "*" for everything.
Grants = Mapping[str, Reach]
# As a role is written: by resource, then by action.
Matrix = Mapping[str, Mapping[str, Reach]]

REACHES: Final[tuple[Reach, ...]] = ("none", "own", "team", "all")
_RANK: Final = {reach: rank for rank, reach in enumerate(REACHES)}

# Every permission of the product, by resource: what it lets do.
PERMISSIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "accounts": {
        "read": "see companies and households",
        "write": "make, change and archive them",
    },
    "contacts": {"read": "see people", "write": "make, change and archive them"},
    "interactions": {
        "read": "see what happened with customers",
        "write": "record, change and archive it",
    },
    "custom-fields": {
        "read": "see which fields of one's own there are",
        "write": "make and change them",
    },
    "bulk-updates": {
        "read": "see everybody's changes of many records at once",
        "write": "change many records at once",
    },
    "segments": {
        "read": "see segments, and of their members those they may see",
        "write": "make and change them, and say who is in manual ones",
    },
    "leads": {"read": "see leads", "write": "make, change, qualify and convert them"},
    "opportunities": {"read": "see opportunities"},
    "analytics": {"read": "see counts over the whole organization"},
    "deliveries": {"read": "see what was sent to whom"},
    "org": {"read": "see the organization", "write": "change it"},
    "people": {"read": "see a member's name and address"},
    "teams": {"read": "see teams", "write": "make them, and say who is in them"},
    "users": {"read": "see who is a member", "write": "invite and change members"},
    "roles": {"read": "see roles", "write": "make and change them"},
    "oauth-clients": {"read": "see applications", "write": "register and change them"},
    "audit-log": {"read": "see who did what about security"},
}
# Of these a permission may reach one's own or the team's records only.
OWNED: Final = frozenset(
    {"accounts", "contacts", "interactions", "leads", "opportunities"}
)
_CUSTOMERS: Final = ("accounts", "contacts", "interactions")
_SALES: Final = ("leads", "opportunities")
_SEGMENTS: Final = ("segments",)


@dataclass(frozen=True, kw_only=True)
class BuiltInRole:
    """A role that every organization has and nobody changes."""

    key: str
    name: str
    description: str
    grants: Grants


@dataclass(frozen=True, kw_only=True)
class Role(ChangingRecord):
    """A role that an organization has made for itself; archived, it grants nothing.

    Attributes:
        key: What memberships call it; never changes.
        grants: ``{resource: {action: reach}}``; what is not there is "none".
        fields: ``{resource: {field: right}}``; what is not there is "write".
    """

    key: str
    name: str
    description: str | None = None
    grants: Matrix = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)
    owner_id: str | None = None


def flat(matrix: Matrix) -> dict[str, Reach]:
    """A role's grants as tokens carry them."""
    return {
        f"{resource}:{action}": reach
        for resource, actions in matrix.items()
        for action, reach in actions.items()
        if reach != "none"
    }


def union(many: Iterable[Grants]) -> dict[str, Reach]:
    """What several roles grant together; the farther reach wins."""
    grants: dict[str, Reach] = {}
    for each in many:
        for permission, reach in each.items():
            held = grants.get(permission, "none")
            grants[permission] = max(held, reach, key=_RANK.__getitem__)
    return grants


def beyond(wanted: Grants, held: Grants) -> list[str]:
    """What of ``wanted`` goes beyond what somebody holds, who may not give it."""
    everything = held.get("*", "none")
    return sorted(
        permission
        for permission, reach in wanted.items()
        if _RANK[reach] > max(_RANK[held.get(permission, "none")], _RANK[everything])
    )


def narrowed(grants: Grants, scope: Iterable[str]) -> dict[str, Reach]:
    """What of ``grants`` is also in a token's scope."""
    everything = grants.get("*", "none")
    found = {
        permission: max(
            grants.get(permission, "none"), everything, key=_RANK.__getitem__
        )
        for permission in scope
    }
    return {permission: reach for permission, reach in found.items() if reach != "none"}


def _on(resources: Iterable[str], **reaches: Reach) -> dict[str, Reach]:
    return {
        f"{resource}:{action}": reach
        for resource in resources
        for action, reach in reaches.items()
        if action in PERMISSIONS[resource]
    }


_EVERYBODY: Final = _on(("custom-fields", "org", "people", "teams"), read="all")

BUILT_IN_ROLES: Final[Mapping[str, BuiltInRole]] = {
    role.key: role
    for role in (
        BuiltInRole(
            key="owner",
            name="Owner",
            description="Everything, and the organization itself.",
            grants={"*": "all"},
        ),
        BuiltInRole(
            key="admin",
            name="Administrator",
            description="Everything but giving the organization away.",
            grants={"*": "all"},
        ),
        BuiltInRole(
            key="manager",
            name="Manager",
            description="All customers and sales, and what they add up to.",
            grants={
                **_EVERYBODY,
                **_on((*_CUSTOMERS, *_SALES, *_SEGMENTS), read="all", write="all"),
                **_on(("analytics", "deliveries", "roles"), read="all"),
                **_on(("bulk-updates",), read="all", write="all"),
            },
        ),
        BuiltInRole(
            key="sales_rep",
            name="Sales representative",
            description="Sees the team's customers and leads, changes their own.",
            grants={
                **_EVERYBODY,
                **_on((*_CUSTOMERS, *_SALES), read="team", write="own"),
                **_on(_SEGMENTS, read="all"),
            },
        ),
        BuiltInRole(
            key="support_agent",
            name="Support agent",
            description="Sees all customers and records what happens with them.",
            grants={
                **_EVERYBODY,
                **_on((*_CUSTOMERS, *_SEGMENTS), read="all"),
                **_on(("interactions",), write="all"),
            },
        ),
        BuiltInRole(
            key="analyst",
            name="Analyst",
            description="Sees everything about customers and sales, changes nothing.",
            grants={
                **_EVERYBODY,
                **_on((*_CUSTOMERS, *_SALES, *_SEGMENTS, "analytics"), read="all"),
            },
        ),
        BuiltInRole(
            key="read_only",
            name="Read only",
            description="Sees all customers and sales.",
            grants={
                **_EVERYBODY,
                **_on((*_CUSTOMERS, *_SALES, *_SEGMENTS), read="all"),
            },
        ),
    )
}
