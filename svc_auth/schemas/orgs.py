"""Organizations, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Currency, Email, Id, Input, Moment, Text, TimeZone
from svc_auth.schemas.passwords import Password

__all__ = ["OrgView", "RegisterOrgInput", "TransferOrgInput", "UpdateOrgInput"]


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


class UpdateOrgInput(Input):
    """A merge patch of an organization."""

    example: ClassVar[dict[str, Any]] = {
        "name": "Analytical Engines",
        "currency": "EUR",
    }

    name = Text()
    currency = Currency()
    time_zone = TimeZone()
    first_weekday = fields.Integer(strict=True, validate=validate.Range(1, 7))


class TransferOrgInput(Input):
    """Who is to own the organization, and that it is its owner who says so."""

    example: ClassVar[dict[str, Any]] = {
        "user_id": "019a207c-ba15-7c5e-b478-fdd8d973fa46",
        "current_password": "a long and secret one",
    }

    user_id = Id(required=True)
    current_password = Password(min_length=1)


class OrgView(Schema):
    """An organization."""

    id = Id()
    version = fields.Integer()
    name = fields.String()
    currency = fields.String(
        metadata={"description": "In which amounts are compared (ISO 4217)."}
    )
    time_zone = fields.String(
        metadata={"description": "In which a day begins and ends (IANA)."}
    )
    first_weekday = fields.Integer(
        metadata={"description": "Of a week: 1 for Monday to 7 for Sunday."}
    )
    owner_id = fields.String()
    created_at = Moment()
    updated_at = Moment()
