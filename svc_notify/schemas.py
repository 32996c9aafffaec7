"""What svc_notify gives: the published contract."""

from typing import Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Moment
from svc_notify.domain import DeliveryStatus

__all__ = ["DeliveryView"]

_STATUSES: Final = tuple(DeliveryStatus)


class DeliveryView(Schema):
    """One message to one recipient, and what became of it."""

    id = Id()
    version = fields.Integer()
    channel = fields.String()
    template = fields.String()
    recipient = fields.String()
    status = fields.String(validate=validate.OneOf(_STATUSES))
    attempts = fields.Integer()
    error = fields.String(allow_none=True)
    event_id = Id()
    created_at = Moment()
    updated_at = Moment()
    sent_at = Moment(allow_none=True)
