"""Teams, the tree that they report in, and whose records somebody sees by it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from chassis.errors import ConflictError
from svc_auth.domain.records import ChangingRecord

__all__ = [
    "MOST_TEAMS",
    "MOST_TEAMS_OF_ONE",
    "MOST_TEAMS_SEEN",
    "Team",
    "check_tree",
    "home_teams",
    "joined",
    "left",
    "seen_teams",
]

MOST_TEAMS: Final = 200
MOST_TEAMS_OF_ONE: Final = 20
# As many as a token holds.
MOST_TEAMS_SEEN: Final = 100
DEEPEST: Final = 10


@dataclass(frozen=True, kw_only=True)
class Team(ChangingRecord):
    """People whose records are each other's; archived, it shows nothing.

    Attributes:
        parent_id: The team that it reports to.
        lead_id: Who sees what it and all teams beneath it see.
    """

    name: str
    description: str | None = None
    parent_id: str | None = None
    lead_id: str | None = None
    owner_id: str | None = None


def check_tree(teams: Collection[Team]) -> None:
    """Refuse live teams that are no tree, or too many, or too deep.

    Raises:
        ConflictError: ``too_many_teams``, ``team_parent_archived``,
            ``team_cycle`` or ``team_too_deep``.
    """
    if len(teams) > MOST_TEAMS:
        raise ConflictError("too_many_teams", f"There are {MOST_TEAMS} teams at most.")
    parents = {team.id: team.parent_id for team in teams}
    for team_id in parents:
        _check_way_up(team_id, parents)


def _check_way_up(team_id: str, parents: Mapping[str, str | None]) -> None:
    way = [team_id]
    while (parent_id := parents[way[-1]]) is not None:
        if parent_id not in parents:
            raise ConflictError(
                "team_parent_archived", "A team would report to one that is put away."
            )
        if parent_id in way:
            raise ConflictError("team_cycle", "A team would report to itself.")
        way.append(parent_id)
    if len(way) > DEEPEST:
        raise ConflictError("team_too_deep", f"Teams go {DEEPEST} levels deep at most.")


def joined(team_ids: tuple[str, ...], team_id: str) -> tuple[str, ...]:
    """Somebody's teams with another one; the same if it is among them.

    Raises:
        ConflictError: ``too_many_teams``.
    """
    if team_id in team_ids:
        return team_ids
    if len(team_ids) >= MOST_TEAMS_OF_ONE:
        raise ConflictError(
            "too_many_teams", f"Somebody is in {MOST_TEAMS_OF_ONE} teams at most."
        )
    return (*team_ids, team_id)


def left(team_ids: tuple[str, ...], team_id: str) -> tuple[str, ...]:
    """Somebody's teams without one of them."""
    return tuple(each for each in team_ids if each != team_id)


def home_teams(teams: Collection[Team], own: Collection[str]) -> tuple[str, ...]:
    """Those of somebody's own teams that are live."""
    live = {team.id for team in teams}
    return tuple(each for each in own if each in live)


def seen_teams(
    teams: Collection[Team], own: Collection[str], person_id: str
) -> tuple[str, ...]:
    """The teams whose records somebody sees: their own first, then the nearest.

    These are their own, those that they lead, and all beneath those. Beyond a
    hundred the deepest are left out, and of one level the latest made.

    Args:
        teams: All live teams of the organization, in whatever order.
        own: Those that the person is in, archived ones perhaps included.
        person_id: Who.
    """
    beneath: dict[str | None, list[str]] = {}
    for team in teams:
        beneath.setdefault(team.parent_id, []).append(team.id)
    seen = dict.fromkeys(home_teams(teams, own))
    level = sorted(team.id for team in teams if team.lead_id == person_id)
    for _ in range(DEEPEST):
        seen |= dict.fromkeys(level)
        level = sorted(child for each in level for child in beneath.get(each, ()))
    return tuple(seen)[:MOST_TEAMS_SEEN]
