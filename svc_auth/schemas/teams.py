"""Teams, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.directory import MOST_ASKED
from chassis.schemas import Id, Input, Moment, Text

__all__ = ["CreateTeamInput", "FindTeamsInput", "TeamView", "UpdateTeamInput"]


class UpdateTeamInput(Input):
    """A merge patch of a team.

    Attributes:
        parent_id: The team that it reports to.
        lead_id: A member, who sees what it and all teams beneath it see.
    """

    example: ClassVar[dict[str, Any]] = {"description": "Customers north of the Elbe"}

    name = Text(60)
    description = Text(300, allow_none=True)
    parent_id = Id(allow_none=True)
    lead_id = Id(allow_none=True)


class CreateTeamInput(UpdateTeamInput):
    """A new team; its name is taken by no other live one, in whatever case."""

    example: ClassVar[dict[str, Any]] = {"name": "Sales North"}

    name = Text(60, required=True)


class FindTeamsInput(Input):
    """Ids of which a service wants to know whether they are teams."""

    team_ids = fields.List(Id(), required=True, validate=validate.Length(1, MOST_ASKED))


class TeamView(Schema):
    """A team; its members are ``/v1/users?filter[team_ids]=<id>``."""

    id = Id()
    version = fields.Integer()
    name = fields.String()
    description = fields.String(allow_none=True)
    parent_id = Id(allow_none=True)
    lead_id = Id(allow_none=True)
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
