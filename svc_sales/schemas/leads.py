"""Leads on the wire."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.schemas import (
    Day,
    Email,
    Id,
    Input,
    Moment,
    MoneyInput,
    OwnerId,
    TeamIds,
    Text,
)
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


_STATUSES: Final = tuple(LeadStatus)


class _Status(fields.String):
    def __init__(self) -> None:
        super().__init__(metadata={"enum": list(_WRITABLE)})

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> LeadStatus:
        text = super()._deserialize(value, *args, **kwargs)
        if text not in _WRITABLE:
            raise ValidationError(f"Must be one of: {', '.join(_WRITABLE)}.")
        return LeadStatus(text)


class UpdateLeadInput(Input):
    """A merge patch (RFC 7396) of a lead."""

    example: ClassVar[dict[str, Any]] = {
        "status": "working",
        "rating": "hot",
    }

    first_name = Text(100, allow_none=True)
    last_name = Text(100, allow_none=True)
    company = Text(200, allow_none=True)
    email = Email(allow_none=True)
    phone = Text(40, allow_none=True)
    source = Text(60, allow_none=True)
    rating = fields.String(allow_none=True, validate=validate.OneOf(RATINGS))
    description = Text(5_000, allow_none=True)
    status = _Status()
    owner_id = OwnerId()
    team_ids = TeamIds()


class CreateLeadInput(UpdateLeadInput):
    """A new lead; a name, a company or an address is enough."""

    example: ClassVar[dict[str, Any]] = {
        "company": "Analytical Engines",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "source": "web",
    }

    @validates_schema
    def _identified(self, data: dict[str, Any], **_: Any) -> None:
        if not any(data.get(name) for name in ("last_name", "company", "email")):
            raise ValidationError("last_name, company or email is needed.", "last_name")


class LeadView(Schema):
    """A lead."""

    id = Id()
    version = fields.Integer()
    status = fields.String(validate=validate.OneOf(_STATUSES))
    first_name = fields.String(allow_none=True)
    last_name = fields.String(allow_none=True)
    company = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    source = fields.String(allow_none=True)
    rating = fields.String(allow_none=True, validate=validate.OneOf(RATINGS))
    description = fields.String(allow_none=True)
    account_id = Id(
        attribute="conversion.account_id", dump_default=None, allow_none=True
    )
    contact_id = Id(
        attribute="conversion.contact_id", dump_default=None, allow_none=True
    )
    opportunity_id = Id(
        attribute="conversion.opportunity_id", dump_default=None, allow_none=True
    )
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)


class OpportunityDetails(Input):
    """What is known of the sale when a lead is converted."""

    name = Text()
    amount = fields.Nested(MoneyInput, allow_none=True, load_default=None)
    close_on = Day(allow_none=True, load_default=None)


class ConvertLeadInput(Input):
    """What a lead becomes; without ids, a new account and a new contact."""

    example: ClassVar[dict[str, Any]] = {
        "opportunity": {
            "name": "Ten engines",
            "amount": {"amount": "250000.00", "currency": "GBP"},
            "close_on": "2026-06-30",
        }
    }

    opportunity = fields.Nested(OpportunityDetails, load_default=dict, allow_none=True)
    account_id = Id(allow_none=True, load_default=None)
    contact_id = Id(allow_none=True, load_default=None)


class ConversionView(Schema):
    """What a lead has become."""

    account_id = Id()
    contact_id = Id()
    opportunity_id = Id()
