"""Logins and tokens, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Input
from svc_auth.schemas.passwords import Password

__all__ = ["LoginInput", "RefreshInput", "SwitchOrgInput", "TokensView"]


class LoginInput(Input):
    """Who somebody says they are."""

    example: ClassVar[dict[str, Any]] = {
        "email": "ada@example.com",
        "password": "a long and secret one",
    }

    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = Password(min_length=1)
    org_id = Id(load_default=None, allow_none=True)


class SwitchOrgInput(Input):
    """Another of one's organizations."""

    example: ClassVar[dict[str, Any]] = {
        "org_id": "019a207c-ba15-7c5e-b478-fdd8d973fa46"
    }

    org_id = Id(required=True)


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
