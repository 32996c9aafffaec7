"""Interactions on the wire."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.schemas import Id, Input, Moment, MoneyInput, MoneyView, Text
from svc_customer.domain.interactions import DIRECTIONS, INTERACTION_TYPES
from svc_customer.schemas.records import ExternalIds

__all__ = ["CreateInteractionInput", "InteractionView", "UpdateInteractionInput"]

_MAX_INTEGER: Final = 2**53


class Fact(fields.Field[Any]):
    """A string, a number, a flag or null."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if isinstance(value, str) and len(value) <= 1_000:  # noqa: PLR2004
            return value
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int) and abs(value) <= _MAX_INTEGER:
            return value
        raise ValidationError("Must be a short string, a number, a flag or null.")


class UpdateInteractionInput(Input):
    """A merge patch (RFC 7396) of an interaction."""

    type = fields.String(validate=validate.OneOf(INTERACTION_TYPES))
    direction = fields.String(allow_none=True, validate=validate.OneOf(DIRECTIONS))
    subject = Text(500, allow_none=True)
    body = Text(20_000, allow_none=True)
    occurred_at = Moment()
    contact_id = Id(allow_none=True)
    account_id = Id(allow_none=True)
    amount = fields.Nested(MoneyInput, allow_none=True)
    metadata = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")),
        values=Fact(allow_none=True),
        validate=validate.Length(max=50),
    )
    external_ids = ExternalIds()
    owner_id = fields.String()


class CreateInteractionInput(UpdateInteractionInput):
    """Something that happened with a contact, an account or both."""

    type = fields.String(required=True, validate=validate.OneOf(INTERACTION_TYPES))

    @validates_schema
    def _with_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if not (data.get("contact_id") or data.get("account_id")):
            raise ValidationError("contact_id or account_id is needed.", "contact_id")


class InteractionView(Schema):
    """One entry of the timeline."""

    id = fields.String()
    version = fields.Integer()
    type = fields.String()
    direction = fields.String()
    subject = fields.String()
    body = fields.String()
    occurred_at = Moment()
    contact_id = fields.String()
    account_id = fields.String()
    amount = fields.Nested(MoneyView)
    metadata = fields.Dict()
    external_ids = fields.Dict()
    owner_id = fields.String()
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment()
