"""Service accounts and their keys, as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Input, Moment, Text
from svc_auth.domain.personal_tokens import LONGEST_LIFE
from svc_auth.schemas.people import role_keys

__all__ = [
    "CreateServiceAccountInput",
    "CreateServiceKeyInput",
    "NewServiceKeyView",
    "ServiceKeyView",
    "ServiceKeysView",
]

_A_YEAR_DAYS: Final = 365


class CreateServiceAccountInput(Input):
    """A new service account."""

    example: ClassVar[dict[str, Any]] = {
        "name": "Website forms",
        "roles": ["sales_rep"],
    }

    name = Text(required=True)
    roles = role_keys(required=True)


class CreateServiceKeyInput(Input):
    """A new key of a service account."""

    example: ClassVar[dict[str, Any]] = {"name": "Web server 1", "expires_in_days": 90}

    name = Text(60, required=True)
    expires_in_days = fields.Integer(
        strict=True,
        load_default=_A_YEAR_DAYS,
        validate=validate.Range(1, LONGEST_LIFE.days),
    )


class ServiceKeyView(Schema):
    """A key, without its secret."""

    id = Id()
    name = fields.String()
    hint = fields.String()
    created_at = Moment()
    expires_at = Moment()
    last_used_at = Moment(allow_none=True)


class NewServiceKeyView(ServiceKeyView):
    """A key and its secret, which is shown this once."""

    token = fields.String()


class ServiceKeysView(Schema):
    """All live keys of a service account; there are ten at most."""

    data = fields.List(fields.Nested(ServiceKeyView))
