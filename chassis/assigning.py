"""Giving records to people and teams: what services that have owners share."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, ClassVar

from chassis.context import Context
from chassis.directory import Directory, named_ids

__all__ = ["Assigning"]


class Assigning:
    """Knows whom records may be given to, in the hands of one worker.

    A service asks svc_auth in words of its own, so that its code says what it calls.
    """

    # In which fields records name people, one or a list of them.
    naming_people: ClassVar[Collection[str]] = ("owner_id",)

    context: Context

    @abstractmethod
    def members_among(self, person_ids: list[str]) -> list[str]:
        """Ask which of them are members of the organization."""

    @abstractmethod
    def teams_among(self, team_ids: list[str]) -> list[str]:
        """Ask which of them are teams of the organization."""

    @cached_property
    def members(self) -> Directory:
        """Who is a member of the organization."""
        own = self.context.identified_caller.principal_id
        return Directory(self.members_among, [own])

    @cached_property
    def teams(self) -> Directory:
        """The teams of the organization."""
        return Directory(self.teams_among, self.context.identified_caller.team_ids)

    def look_ahead(self, resource: str, rows: Sequence[Any]) -> None:
        """Ask at once for all people and teams that the rows of a batch name."""
        self.members.learn(named_ids(rows, self.naming_people))
        if self.context.identified_caller.gives_to_all(resource):
            self.teams.learn(named_ids(rows, ("team_ids",)))

    def may_be_given(self, resource: str, team_ids: Sequence[str]) -> bool:
        """Whether the caller may give records to these teams.

        Raises:
            UnavailableError: ``service_unavailable``: a team that the caller does
                not see is named, and svc_auth is away.
        """
        caller = self.context.identified_caller
        if caller.gives_to_all(resource):
            return self.teams.include(team_ids)
        return caller.sees_teams(team_ids)
