"""People, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from chassis.directory import MOST_ASKED
from chassis.schemas import Id, Input, Moment, Text

__all__ = [
    "FindMembersInput",
    "MeView",
    "MyOrgView",
    "PersonView",
    "UpdateMeInput",
    "UpdateUserInput",
    "UserView",
    "role_keys",
]


def role_keys(**kwargs: Any) -> fields.Field[Any]:
    """One to twenty keys of roles, each once."""
    return fields.List(
        fields.String(validate=validate.Length(1, 40)),
        validate=[validate.Length(1, 20), _are_different],
        metadata={"uniqueItems": True},
        **kwargs,
    )


def _are_different(keys: list[str]) -> None:
    if len(set(keys)) != len(keys):
        raise ValidationError("Each role once.")


class UpdateUserInput(Input):
    """A merge patch of a member."""

    example: ClassVar[dict[str, Any]] = {"roles": ["manager"]}

    name = Text()
    roles = role_keys()


class UpdateMeInput(Input):
    """A merge patch of oneself."""

    example: ClassVar[dict[str, Any]] = {"name": "Ada King"}

    name = Text()


class FindMembersInput(Input):
    """People of whom a service wants to know whether they are members."""

    person_ids = fields.List(
        Id(), required=True, validate=validate.Length(1, MOST_ASKED)
    )


class PersonView(Schema):
    """A person, for those who may know."""

    id = Id()
    name = fields.String()
    email = fields.String()


class UserView(Schema):
    """A member of the organization, present or former.

    Its id is the person's, the same in each organization.
    """

    id = Id(attribute="person_id")
    version = fields.Integer()
    kind = fields.String(
        validate=validate.OneOf(("person", "service_account")),
        metadata={"description": "A service account is a program."},
    )
    name = fields.String()
    email = fields.String(
        metadata={"description": "Empty for a service account, which reads none."}
    )
    roles = fields.List(fields.String())
    team_ids = fields.List(Id())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)


class MeView(PersonView):
    """The caller, and what they may do."""

    email_verified = fields.Boolean(
        metadata={"description": "Whether they have shown that they read it."}
    )
    org_id = Id()
    roles = fields.List(fields.String())
    grants = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "What they may do: permissions, and whether one "
            "reaches their `own`, their `team`'s or `all` records. The permission "
            "`*` is every one."
        },
    )
    hidden_fields = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "By resource: what they may not see of records."},
    )
    read_only_fields = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "By resource: what they may see, but not write."},
    )


class MyOrgView(Schema):
    """An organization in which the caller is a member."""

    id = Id()
    name = fields.String()
    roles = fields.List(fields.String())
    is_current = fields.Boolean()
