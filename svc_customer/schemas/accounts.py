"""Accounts on the wire."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Text
from svc_customer.schemas.records import (
    AddressInput,
    AddressView,
    DialedNumber,
    RecordInput,
    RecordView,
)
from svc_customer.schemas.web_addresses import Website

__all__ = [
    "AccountView",
    "CreateAccountInput",
    "HierarchyView",
    "UpdateAccountInput",
]


class UpdateAccountInput(RecordInput):
    """A merge patch (RFC 7396) of an account."""

    example: ClassVar[dict[str, Any]] = {
        "employee_count": 120,
        "website": None,
    }

    name = Text()
    domain = Text(253, allow_none=True)
    industry = Text(100, allow_none=True)
    employee_count = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, 100_000_000)
    )
    phone = DialedNumber(allow_none=True)
    website = Website(allow_none=True)
    parent_id = Id(allow_none=True)
    billing_address = fields.Nested(AddressInput, allow_none=True)
    shipping_address = fields.Nested(AddressInput, allow_none=True)


class CreateAccountInput(UpdateAccountInput):
    """A new account; its name is enough."""

    example: ClassVar[dict[str, Any]] = {
        "name": "Analytical Engines",
        "domain": "engines.example",
        "industry": "manufacturing",
        "lifecycle_stage": "customer",
        "billing_address": {
            "street": "1 Dorset Street",
            "city": "London",
            "country": "GB",
        },
        "tags": ["key account"],
    }

    name = Text(required=True)


class AccountView(RecordView):
    """An account."""

    name = fields.String()
    domain = fields.String(allow_none=True)
    industry = fields.String(allow_none=True)
    employee_count = fields.Integer(allow_none=True)
    phone = fields.String(allow_none=True)
    phone_e164 = fields.String(
        allow_none=True,
        metadata={"description": "The number as it is dialed from abroad."},
    )
    website = fields.String(allow_none=True)
    parent_id = Id(allow_none=True)
    billing_address = fields.Nested(AddressView, allow_none=True)
    shipping_address = fields.Nested(AddressView, allow_none=True)


class HierarchyView(Schema):
    """Where an account stands among others, as far as the caller may see them."""

    ancestors = fields.List(
        fields.Nested(AccountView),
        metadata={
            "description": "Those it belongs to, from the top down; they begin "
            "beneath the nearest that is archived or not the caller's to see."
        },
    )
    account = fields.Nested(AccountView)
    children = fields.List(
        fields.Nested(AccountView),
        metadata={"description": "Those that belong to it itself, the newest first."},
    )
    has_more_children = fields.Boolean(
        metadata={"description": "`GET /v1/accounts?filter[parent_id]=…` lists all."}
    )
