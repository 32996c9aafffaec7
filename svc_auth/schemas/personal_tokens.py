"""Personal access tokens, as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Input, Moment, Text
from svc_auth.domain.personal_tokens import LONGEST_LIFE
from svc_auth.domain.roles import PERMISSIONS

__all__ = [
    "CreatePersonalTokenInput",
    "NewPersonalTokenView",
    "PersonalTokenView",
    "ProgramTokenView",
    "days_to_live",
]

_ALL: Final = tuple(
    f"{resource}:{action}"
    for resource, actions in PERMISSIONS.items()
    for action in actions
)


def days_to_live(default: int) -> fields.Field[Any]:
    """How many days a token is good, to a year."""
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(1, LONGEST_LIFE.days),
    )


class CreatePersonalTokenInput(Input):
    """A new personal token; its scope says all that it may do."""

    example: ClassVar[dict[str, Any]] = {
        "name": "Nightly import",
        "scope": ["contacts:read", "contacts:write"],
        "expires_in_days": 90,
    }

    name = Text(60, required=True)
    scope = fields.List(
        fields.String(validate=validate.OneOf(_ALL)),
        required=True,
        validate=validate.Length(1, len(_ALL)),
    )
    expires_in_days = days_to_live(90)


class ProgramTokenView(Schema):
    """What a program acts with, without its secret."""

    id = Id()
    name = fields.String()
    hint = fields.String()
    created_at = Moment()
    expires_at = Moment()
    last_used_at = Moment(allow_none=True)


class PersonalTokenView(ProgramTokenView):
    """A personal token, without its secret."""

    scope = fields.List(fields.String())


class NewPersonalTokenView(PersonalTokenView):
    """A personal token and its secret, which is shown this once."""

    token = fields.String()
