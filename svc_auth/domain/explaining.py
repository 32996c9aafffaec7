"""Who may do what with a record, and why: the enforced rule, told in words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from chassis.auth import Caller
from chassis.visibility import reaches
from svc_auth.domain.roles import Grants, Reach, narrowed

__all__ = ["BECAUSE", "Access", "Explanation", "explained"]

Because = Literal[
    "not_granted",
    "granted",
    "reaches_all",
    "is_owner",
    "shares_team",
    "not_owner",
    "shares_no_team",
]
BECAUSE: Final[tuple[Because, ...]] = (
    "not_granted",
    "granted",
    "reaches_all",
    "is_owner",
    "shares_team",
    "not_owner",
    "shares_no_team",
)


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

    @property
    def is_anything_allowed(self) -> bool:
        """Whether they may do any of it."""
        return any(each and each.is_allowed for each in (self.read, self.write))


def explained(
    caller: Caller,
    roles: Mapping[str, Grants],
    permission: str,
    acl: Collection[str] | None,
) -> Access:
    """Whether a member may do something, by the rule that services enforce.

    Args:
        caller: The member, as their token would say.
        roles: What each of their roles grants.
        permission: ``<resource>:<action>``.
        acl: Whose own the record is (``chassis.records.access_list``); None
            if no record is meant.
    """
    reach: Reach = caller.reach(permission)
    return Access(
        permission=permission,
        is_allowed=reach != "none" if acl is None else reaches(caller, permission, acl),
        reach=reach,
        because=_because(caller, reach, acl),
        team_ids=tuple(each for each in acl or () if each in caller.team_ids),
        granted_by=_sources(roles, permission),
    )


def _because(caller: Caller, reach: Reach, acl: Collection[str] | None) -> Because:
    if reach == "none":
        return "not_granted"
    if acl is None:
        return "granted"
    if reach == "all":
        return "reaches_all"
    if caller.principal_id in acl:
        return "is_owner"
    if reach == "own":
        return "not_owner"
    is_shared = not set(acl).isdisjoint(caller.team_ids)
    return "shares_team" if is_shared else "shares_no_team"


def _sources(roles: Mapping[str, Grants], permission: str) -> dict[str, Reach]:
    found = {key: narrowed(grants, [permission]) for key, grants in roles.items()}
    return {key: each[permission] for key, each in found.items() if each}
