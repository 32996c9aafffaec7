"""Leads on the wire."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.schemas import Email, Id, Input, Moment, MoneyInput, Text
from svc_sales.domain.leads import RATINGS, LeadStatus

__all__ = [
    "ConversionView",
    "ConvertLeadInput",
    "CreateLeadInput",
    "LeadView",
    "UpdateLeadInput",
]

# The others are reached by what happens to a lead, not by writing them.
_WRITABLE: Final = (
    LeadStatus.NEW,
    LeadStatus.WORKING,
    LeadStatus.QUALIFIED,
    LeadStatus.UNQUALIFIED,
)


class _Status(fields.String):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> LeadStatus:
        text = super()._deserialize(value, *args, **kwargs)
        if text not in _WRITABLE:
            raise ValidationError(f"Must be one of: {', '.join(_WRITABLE)}.")
        return LeadStatus(text)


class UpdateLeadInput(Input):
    """A merge patch (RFC 7396) of a lead."""

    first_name = Text(100, allow_none=True)
    last_name = Text(100, allow_none=True)
    company = Text(200, allow_none=True)
    email = Email(allow_none=True)
    phone = Text(40, allow_none=True)
    source = Text(60, allow_none=True)
    rating = fields.String(allow_none=True, validate=validate.OneOf(RATINGS))
    description = Text(5_000, allow_none=True)
    status = _Status()
    owner_id = fields.String()


class CreateLeadInput(UpdateLeadInput):
    """A new lead; a name, a company or an address is enough."""

    @validates_schema
    def _identified(self, data: dict[str, Any], **_: Any) -> None:
        if not any(data.get(name) for name in ("last_name", "company", "email")):
            raise ValidationError("last_name, company or email is needed.", "last_name")


class LeadView(Schema):
    """A lead."""

    id = fields.String()
    version = fields.Integer()
    status = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    company = fields.String()
    email = fields.String()
    phone = fields.String()
    source = fields.String()
    rating = fields.String()
    description = fields.String()
    account_id = fields.String(attribute="conversion.account_id")
    contact_id = fields.String(attribute="conversion.contact_id")
    opportunity_id = fields.String(attribute="conversion.opportunity_id")
    owner_id = fields.String()
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment()


class OpportunityDetails(Input):
    """What is known of the sale when a lead is converted."""

    name = Text()
    amount = fields.Nested(MoneyInput, allow_none=True, load_default=None)
    close_on = fields.Date(allow_none=True, load_default=None)


class ConvertLeadInput(Input):
    """What a lead becomes; without ids, a new account and a new contact."""

    opportunity = fields.Nested(OpportunityDetails, load_default=dict, allow_none=True)
    account_id = Id(allow_none=True, load_default=None)
    contact_id = Id(allow_none=True, load_default=None)


class ConversionView(Schema):
    """What a lead has become."""

    account_id = fields.String()
    contact_id = fields.String()
    opportunity_id = fields.String()
