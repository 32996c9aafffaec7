"""Links by e-mail, as clients see them."""

from typing import Any, ClassVar

from marshmallow import fields, validate

from chassis.schemas import Email, Input
from svc_auth.schemas.passwords import Password

__all__ = [
    "ChangeEmailInput",
    "ConfirmPasswordResetInput",
    "RequestPasswordResetInput",
    "VerifyEmailInput",
]

_EXAMPLE = "019a207c-ba15-7c5e-b478-fdd8d973fa46.m0v2gnlTnGQ6xsw7zyGsWzKDPvUEzmRqWvV"


def _token() -> fields.Field[Any]:
    return fields.String(required=True, validate=validate.Length(1, 128))


class RequestPasswordResetInput(Input):
    """Who has forgotten their password."""

    example: ClassVar[dict[str, Any]] = {"email": "ada@example.com"}

    email = Email(required=True)


class ConfirmPasswordResetInput(Input):
    """Another password, and what the link in the message holds."""

    example: ClassVar[dict[str, Any]] = {
        "token": _EXAMPLE,
        "password": "a longer and more secret one",
    }

    token = _token()
    password = Password()


class VerifyEmailInput(Input):
    """What the link in the message holds."""

    example: ClassVar[dict[str, Any]] = {"token": _EXAMPLE}

    token = _token()


class ChangeEmailInput(Input):
    """Another address to log in with."""

    example: ClassVar[dict[str, Any]] = {
        "email": "ada@example.org",
        "current_password": "a long and secret one",
    }

    email = Email(required=True)
    current_password = Password(min_length=1)
