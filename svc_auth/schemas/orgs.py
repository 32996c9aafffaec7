"""Organizations, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields

from chassis.schemas import Email, Id, Input, Moment, Text
from svc_auth.schemas.passwords import Password

__all__ = ["OrgView", "RegisterOrgInput"]


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
