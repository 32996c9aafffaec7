"""What svc_sales sends when a lead becomes a customer."""

from marshmallow import fields

from chassis.schemas import Id, Input
from svc_customer.schemas.accounts import CreateAccountInput
from svc_customer.schemas.contacts import CreateContactInput

__all__ = ["UpsertCustomerInput"]


class UpsertCustomerInput(Input):
    """An account and a contact by id, with their data unless they exist."""

    owner_id = fields.String(load_default=None, allow_none=True)
    account_id = Id(required=True)
    account = fields.Nested(CreateAccountInput, load_default=None, allow_none=True)
    contact_id = Id(required=True)
    contact = fields.Nested(CreateContactInput, load_default=None, allow_none=True)
