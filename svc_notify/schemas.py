"""What svc_notify gives: the published contract."""

from marshmallow import Schema, fields

from chassis.schemas import Moment

__all__ = ["DeliveryView"]


class DeliveryView(Schema):
    """One message to one recipient, and what became of it."""

    id = fields.String()
    version = fields.Integer()
    channel = fields.String()
    template = fields.String()
    recipient = fields.String()
    status = fields.String()
    attempts = fields.Integer()
    error = fields.String()
    event_id = fields.String()
    created_at = Moment()
    updated_at = Moment()
    sent_at = Moment()
