"""Service accounts and their keys, as clients see them."""

from typing import Any, ClassVar

from marshmallow import fields

from chassis.schemas import Input, Text
from svc_auth.schemas.people import role_keys
from svc_auth.schemas.personal_tokens import ProgramTokenView, days_to_live

__all__ = [
    "CreateServiceAccountInput",
    "CreateServiceKeyInput",
    "NewServiceKeyView",
    "ServiceKeyView",
]


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
    expires_in_days = days_to_live(365)


class ServiceKeyView(ProgramTokenView):
    """A key, without its secret."""


class NewServiceKeyView(ServiceKeyView):
    """A key and its secret, which is shown this once."""

    token = fields.String()
