"""What svc_auth takes and gives: the published contract."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Email, Id, Input, Moment, Text

__all__ = [
    "JwksView",
    "LoginInput",
    "MeView",
    "OrgView",
    "PersonView",
    "RefreshInput",
    "RegisterOrgInput",
    "TokensView",
]


class Password(fields.String):
    """A secret of 8 to 256 characters, taken as it is."""

    def __init__(self, min_length: int = 8) -> None:
        super().__init__(
            required=True, load_only=True, validate=validate.Length(min_length, 256)
        )


class RegisterOrgInput(Input):
    """A new organization and its owner."""

    example: ClassVar[dict[str, Any]] = {
        "org_name": "Analytical Engines",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "password": "a long and secret one",
    }

    org_name = Text(required=True)
    name = Text(required=True)
    email = Email(required=True)
    password = Password()


class LoginInput(Input):
    """Who somebody says they are."""

    example: ClassVar[dict[str, Any]] = {
        "email": "ada@example.com",
        "password": "a long and secret one",
    }

    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = Password(min_length=1)


class RefreshInput(Input):
    """The refresh token of an earlier answer."""

    example: ClassVar[dict[str, Any]] = {
        "refresh_token": "m0v2gnlTnGQ6xsw7zyGsWzKDPvUEzmRqWvVWgSgBDFk"
    }

    refresh_token = fields.String(required=True, validate=validate.Length(1, 128))


class TokensView(Schema):
    """An OAuth 2.0 token answer (RFC 6749 §5.1)."""

    access_token = fields.String()
    token_type = fields.Constant("Bearer")
    expires_in = fields.Integer()
    refresh_token = fields.String()


class JwksView(Schema):
    """A JSON Web Key set (RFC 7517)."""

    keys = fields.List(fields.Dict())


class OrgView(Schema):
    """An organization."""

    id = Id()
    version = fields.Integer()
    name = fields.String()
    currency = fields.String()
    time_zone = fields.String()
    first_weekday = fields.Integer()
    owner_id = fields.String()
    created_at = Moment()
    updated_at = Moment()


class PersonView(Schema):
    """A person, for those who may know."""

    id = Id()
    name = fields.String()
    email = fields.String()


class MeView(PersonView):
    """The caller, and what they may do."""

    org_id = Id()
    roles = fields.List(fields.String())
    grants = fields.Dict()
