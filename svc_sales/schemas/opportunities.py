"""Opportunities on the wire."""

from typing import Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Day, Id, Moment, MoneyView
from svc_sales.domain.opportunities import OpportunityStatus

__all__ = ["OpportunityView"]

_STATUSES: Final = tuple(OpportunityStatus)


class OpportunityView(Schema):
    """An opportunity."""

    id = Id()
    version = fields.Integer()
    name = fields.String()
    status = fields.String(validate=validate.OneOf(_STATUSES))
    account_id = Id()
    contact_id = Id()
    lead_id = Id(allow_none=True)
    source = fields.String(allow_none=True)
    amount = fields.Nested(MoneyView, allow_none=True)
    close_on = Day(allow_none=True)
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
