"""What a role lets somebody do."""

from collections.abc import Mapping
from typing import Final, Literal

__all__ = ["BUILT_IN_ROLES", "grants_of"]

Reach = Literal["none", "own", "team", "all"]

BUILT_IN_ROLES: Final[Mapping[str, Mapping[str, Reach]]] = {"owner": {"*": "all"}}


def grants_of(roles: tuple[str, ...]) -> dict[str, Reach]:
    """The union of what the roles grant; the farther reach wins."""
    order: tuple[Reach, ...] = ("none", "own", "team", "all")
    grants: dict[str, Reach] = {}
    for role in roles:
        for permission, reach in BUILT_IN_ROLES.get(role, {}).items():
            held = grants.get(permission, "none")
            grants[permission] = max(held, reach, key=order.index)
    return grants
