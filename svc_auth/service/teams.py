"""RPCs of teams: who sees whose records."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from chassis.errors import ConflictError, NotFoundError
from chassis.idempotency import idempotent
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.people import Membership
from svc_auth.domain.teams import Team, check_tree, joined, left
from svc_auth.schemas.teams import (
    CreateTeamInput,
    FindTeamsInput,
    TeamView,
    UpdateTeamInput,
)
from svc_auth.service.dependencies import Dependencies, no_such_reference

__all__ = ["TeamMethods"]


def _new_team(
    team_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Team:
    return Team(id=team_id, owner_id=owner_id, created_at=now, updated_at=now, **data)


_TEAM: Final = Kind(
    create_input=CreateTeamInput(),
    update_input=UpdateTeamInput(),
    view=TeamView(),
    make=_new_team,
    change=Team.changed,
    archive=Team.archived,
    restore=Team.restored,
    created=events.team_created,
    updated=events.team_updated,
    archived=events.team_archived,
    restored=events.team_restored,
)


class TeamMethods(Dependencies):
    """What can be done with teams.

    Whatever makes the tree another is one transaction that has the tree to
    itself, and is taken back if there is no tree behind it.
    """

    def _teams(self) -> Records[Team]:
        return Records(_TEAM, self.teams, self)

    def _with_tree(self, change: Callable[[], Any]) -> Any:
        def alone() -> Any:
            self.orgs.lock("team")
            changed = change()
            check_tree(self.teams.all_live())
            return changed

        return self.transaction(alone)

    @rpc(needs="teams:write")
    @idempotent
    def create_team(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Make a team, which nobody is in yet.

        Needs the ``teams:write`` permission.

        Args:
            payload: A ``CreateTeamInput``.

        Returns:
            A ``TeamView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ConflictError: ``duplicate_value``, ``team_too_deep``, or
                ``too_many_teams``: there are two hundred.

        Emits:
            ``auth.team_created`` v1.
        """
        teams = self._teams()
        teams.permit("write")
        team = teams.make(self.operation.new_id("team"), teams.new_data(payload))

        def add() -> Team:
            if made := self.teams.find(team.id):
                return made
            if self.teams.has_name(team.name):
                raise ConflictError("duplicate_value", "Another team is called so.")
            self._check_named({"parent_id": team.parent_id, "lead_id": team.lead_id})
            return self.teams.add(team, events.team_created(team))

        return _TEAM.shown(self._with_tree(add))

    @rpc
    def get_team(self, *, team_id: str) -> dict[str, Any]:
        """One team.

        Needs the ``teams:read`` permission.

        Returns:
            A ``TeamView``.

        Raises:
            NotFoundError: ``team_not_found``, also when it is archived.
        """
        return self._teams().get(team_id)

    @rpc
    def list_teams(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of the organization's teams.

        Needs the ``teams:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [TeamView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self._teams().page(query)

    @rpc
    def find_teams(self, *, team_ids: list[str]) -> list[str]:
        """Those of some ids that are teams of the caller's organization now.

        For services, before they store which teams a record is given to. Needs no
        permission: whoever knows an id learns nothing else of its bearer.

        Args:
            team_ids: One to a thousand ids.

        Returns:
            The ids of those that are teams, archived ones left out.

        Raises:
            InvalidInputError: ``invalid_input``.
        """
        data = load(FindTeamsInput(), {"team_ids": team_ids})
        return self.teams.live_among(data["team_ids"])

    @rpc(needs="teams:write")
    @idempotent
    def update_team(
        self, *, team_id: str, payload: dict[str, Any], expected_version: int | None
    ) -> dict[str, Any]:
        """Change a team; what it changes of people's sight holds in two seconds.

        Needs the ``teams:write`` permission.

        Args:
            team_id: Which team.
            payload: An ``UpdateTeamInput``.
            expected_version: The version that the caller saw, if it cares.

        Returns:
            A ``TeamView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            NotFoundError: ``team_not_found``.
            ConflictError: ``duplicate_value``, ``team_cycle`` or
                ``team_too_deep``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``auth.team_updated`` v1, if anything changed.
        """
        teams = self._teams()

        def change() -> dict[str, Any]:
            changed = teams.update(team_id, payload, expected_version)
            self._check_named(payload)
            return changed

        changed: dict[str, Any] = self._with_tree(change)
        return changed

    @rpc(needs="teams:write")
    @idempotent
    def archive_team(self, *, team_id: str, expected_version: int | None) -> None:
        """Put a team away: nobody sees anything by it any more.

        Its members come back with it; records keep it, for that case.

        Needs the ``teams:write`` permission.

        Raises:
            NotFoundError: ``team_not_found``.
            ConflictError: ``team_parent_archived``: a team reports to it.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.team_archived`` v1.
        """
        teams = self._teams()
        self._with_tree(lambda: teams.archive(team_id, expected_version))

    @rpc(needs="teams:write")
    @idempotent
    def restore_team(
        self, *, team_id: str, expected_version: int | None
    ) -> dict[str, Any]:
        """Bring a team back, with its members.

        Needs the ``teams:write`` permission.

        Returns:
            A ``TeamView``.

        Raises:
            NotFoundError: ``team_not_found``: none is archived.
            ConflictError: ``duplicate_value``, ``too_many_teams``,
                ``team_too_deep`` or ``team_parent_archived``: restore the team
                first that it reports to.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.team_restored`` v1.
        """
        teams = self._teams()
        restored: dict[str, Any] = self._with_tree(
            lambda: teams.restore(team_id, expected_version)
        )
        return restored

    @rpc(needs="teams:write")
    @idempotent
    def add_team_member(self, *, team_id: str, user_id: str) -> None:
        """Let a member be in a team; done twice, the same.

        What they see by it they see within two seconds, and what they make
        from then on is the team's too.

        Needs the ``teams:write`` permission.

        Raises:
            NotFoundError: ``team_not_found`` or ``user_not_found``.
            ConflictError: ``too_many_teams``: somebody is in twenty at most.

        Emits:
            ``auth.member_updated`` v1, if they were not in it.
        """
        self._change_teams(team_id, user_id, joined, is_live=True)

    @rpc(needs="teams:write")
    @idempotent
    def remove_team_member(self, *, team_id: str, user_id: str) -> None:
        """Let a member be in a team no more; done twice, the same.

        What they see by it they see no more within two seconds. Records stay
        the team's. A team that is put away can be left too.

        Needs the ``teams:write`` permission.

        Raises:
            NotFoundError: ``team_not_found`` or ``user_not_found``.

        Emits:
            ``auth.member_updated`` v1, if they were in it.
        """
        self._change_teams(team_id, user_id, left, is_live=False)

    def _change_teams(
        self,
        team_id: str,
        user_id: str,
        change: Callable[[tuple[str, ...], str], tuple[str, ...]],
        *,
        is_live: bool,
    ) -> None:
        self._teams().permit("write")
        team = self.teams.find(team_id)
        if team is None or (is_live and team.archived_at is not None):
            raise NotFoundError("team_not_found", "There is no such team.")
        membership = self.any_memberships.find_live(user_id)
        if membership is None:
            raise NotFoundError(
                "user_not_found", "The organization has no such member."
            )

        def changed(member: Membership) -> Membership:
            team_ids = change(member.team_ids, team_id)
            return member.changed({"team_ids": team_ids}, self.context.now())

        self.any_memberships.change(membership.id, changed, events.member_updated)

    def _check_named(self, data: Mapping[str, Any]) -> None:
        """Refuse a parent or a lead that the organization does not have.

        Raises:
            InvalidInputError: ``reference_not_found``.
        """
        parent_id, lead_id = data.get("parent_id"), data.get("lead_id")
        parent = self.teams.find(parent_id) if parent_id else None
        if parent_id and (parent is None or parent.archived_at is not None):
            raise no_such_reference("parent_id", "There is no such team.")
        if lead_id and self.any_memberships.find_live(lead_id) is None:
            raise no_such_reference("lead_id", "There is no such member.")
