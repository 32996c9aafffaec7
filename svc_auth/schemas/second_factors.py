"""Second factors, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Input, Moment
from svc_auth.schemas.passwords import Password

__all__ = [
    "BeginTotpInput",
    "ChangeSecondFactorInput",
    "ConfirmTotpInput",
    "RecoveryCodesView",
    "SecondFactorView",
    "TotpView",
]

_LONGEST_CODE = 40


def _code() -> fields.Field[Any]:
    return fields.String(required=True, validate=validate.Length(1, _LONGEST_CODE))


class BeginTotpInput(Input):
    """That it is oneself who wants a second factor."""

    example: ClassVar[dict[str, Any]] = {"current_password": "a long and secret one"}

    current_password = Password(min_length=1)


class ConfirmTotpInput(Input):
    """The authenticator's first code."""

    example: ClassVar[dict[str, Any]] = {"otp": "123456"}

    otp = _code()


class ChangeSecondFactorInput(Input):
    """Both proofs; a recovery code will do as the second."""

    example: ClassVar[dict[str, Any]] = {
        "current_password": "a long and secret one",
        "otp": "123456",
    }

    current_password = Password(min_length=1)
    otp = _code()


class SecondFactorView(Schema):
    """Whether a second factor is asked for at login."""

    is_on = fields.Boolean()
    confirmed_at = Moment(allow_none=True)
    recovery_codes_left = fields.Integer()


class TotpView(Schema):
    """What an authenticator is to know; shown this once."""

    secret = fields.String(metadata={"description": "In base32, to be typed in."})
    uri = fields.String(
        metadata={"description": "`otpauth://totp/…`, to be shown as a QR code."}
    )


class RecoveryCodesView(Schema):
    """Ten codes, each good once in place of the authenticator's; shown this once."""

    recovery_codes = fields.List(fields.String())
