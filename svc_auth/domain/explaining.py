"""Who may do what with a record, and why, told in words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from svc_auth.domain.roles import Grants, Reach, narrowed

__all__ = ["BECAUSE", "Access", "Explanation", "sources", "why"]

Because = Literal[
    "not_granted",
    "granted",
    "reaches_all",
    "is_owner",
    "shares_team",
    "not_owner",
    "shares_no_team",
]
BECAUSE: Final[tuple[Because, ...]] = get_args(Because)


@dataclass(frozen=True, kw_only=True)
class Access:
    """Whether somebody may do something.

    Attributes:
        permission: What it takes.
        is_allowed: Whether they may; without a record, whether with any.
        reach: How far the permission reaches for them.
        because: Why.
        team_ids: The record's teams whose records they see.
        granted_by: Which of their roles grants how much of it.
    """

    permission: str
    is_allowed: bool
    reach: Reach
    because: Because
    team_ids: tuple[str, ...] = ()
    granted_by: Mapping[str, Reach] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What one member may do with a record, or with records of a kind."""

    id: str
    name: str
    read: Access | None
    write: Access | None
    hidden_fields: tuple[str, ...] = ()
    read_only_fields: tuple[str, ...] = ()

    @property
    def is_anything_allowed(self) -> bool:
        """Whether they may do any of it."""
        return any(each and each.is_allowed for each in (self.read, self.write))


def why(
    reach: Reach,
    principal_id: str,
    team_ids: Collection[str],
    acl: Collection[str] | None,
) -> Because:
    """Why a permission reaches a record, or does not.

    Args:
        reach: How far it reaches.
        principal_id: For whom.
        team_ids: The teams whose records they see.
        acl: Whose own the record is (``chassis.records.access_list``); None
            if no record is meant.
    """
    if reach == "none":
        return "not_granted"
    if acl is None:
        return "granted"
    if reach == "all":
        return "reaches_all"
    if principal_id in acl:
        return "is_owner"
    if reach == "own":
        return "not_owner"
    return "shares_no_team" if set(acl).isdisjoint(team_ids) else "shares_team"


def sources(roles: Mapping[str, Grants], permission: str) -> dict[str, Reach]:
    """Which of somebody's roles grants how much of a permission."""
    found = {key: narrowed(grants, [permission]) for key, grants in roles.items()}
    return {key: each[permission] for key, each in found.items() if each}
