"""Logins and tokens, as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validate

from chassis.schemas import Email, Id, Input, Moment
from svc_auth.schemas.passwords import Password

__all__ = [
    "LoginInput",
    "RefreshInput",
    "SessionView",
    "SwitchOrgInput",
    "TokensView",
]


_EMAIL: Final = Email()


class _Address(fields.String):
    """An e-mail address in the spelling in which one registered with it.

    What is no address is nobody's, and is refused no sooner than those that are.
    """

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        try:
            spelled: str = _EMAIL.deserialize(text)
        except ValidationError:
            return text
        return spelled


class LoginInput(Input):
    """Who somebody says they are."""

    example: ClassVar[dict[str, Any]] = {
        "email": "ada@example.com",
        "password": "a long and secret one",
    }

    email = _Address(required=True, validate=validate.Length(1, 254))
    password = Password(min_length=1)
    otp = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 40),
        metadata={"description": "If there is a second factor: its code."},
    )
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


class SessionView(Schema):
    """Where somebody is logged in, or an application that acts for them."""

    id = Id()
    kind = fields.String(
        metadata={
            "enum": ["login", "oauth"],
            "description": "`oauth` is an application that was let in.",
        }
    )
    name = fields.String(
        allow_none=True, metadata={"description": "The application's."}
    )
    client_id = fields.String(allow_none=True)
    scope = fields.List(
        fields.String(),
        allow_none=True,
        metadata={"description": "What an application was let do."},
    )
    address = fields.String(metadata={"description": "Where the login came from."})
    user_agent = fields.String(metadata={"description": "The `User-Agent` then."})
    created_at = Moment()
    last_used_at = Moment(
        allow_none=True, metadata={"description": "When it was refreshed last."}
    )
    expires_at = Moment()
    is_current = fields.Boolean()
