"""Opportunities on the wire."""

from marshmallow import Schema, fields

from chassis.schemas import Moment, MoneyView

__all__ = ["OpportunityView"]


class OpportunityView(Schema):
    """An opportunity."""

    id = fields.String()
    version = fields.Integer()
    name = fields.String()
    status = fields.String()
    account_id = fields.String()
    contact_id = fields.String()
    lead_id = fields.String()
    source = fields.String()
    amount = fields.Nested(MoneyView)
    close_on = fields.Date()
    owner_id = fields.String()
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment()
