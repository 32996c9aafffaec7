"""Fields that accounts and contacts share."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load, validate

from chassis.schemas import Id, Input, Moment, TeamIds, Text
from svc_customer.domain.records import LIFECYCLE_STAGES, Address

__all__ = ["AddressInput", "AddressView", "ExternalIds", "RecordInput", "RecordView"]


class AddressInput(Input):
    """A postal address."""

    type = Text(30, allow_none=True)
    street = Text(allow_none=True)
    city = Text(100, allow_none=True)
    region = Text(100, allow_none=True)
    postal_code = Text(20, allow_none=True)
    country = Text(60, allow_none=True)

    @post_load
    def _address(self, data: dict[str, Any], **_: Any) -> Address:
        return Address(**data)


class AddressView(Schema):
    """A postal address."""

    type = fields.String(allow_none=True)
    street = fields.String(allow_none=True)
    city = fields.String(allow_none=True)
    region = fields.String(allow_none=True)
    postal_code = fields.String(allow_none=True)
    country = fields.String(allow_none=True)


class ExternalIds(fields.Dict):
    """What the record is called in other systems: ``{source: id}``."""

    def __init__(self) -> None:
        super().__init__(
            keys=fields.String(validate=validate.Regexp(r"[a-z][a-z0-9_-]{0,30}\Z")),
            values=Text(100),
            validate=validate.Length(max=10),
        )


class RecordInput(Input):
    """What every customer record takes; null empties a list.

    Attributes:
        external_ids: What other systems call it, such as ``{"erp": "4711"}``;
            ``filter[external_id]`` takes that as ``erp:4711``.
    """

    lists: ClassVar[frozenset[str]] = frozenset({"tags"})

    owner_id = fields.String()
    team_ids = TeamIds()
    lifecycle_stage = fields.String(validate=validate.OneOf(LIFECYCLE_STAGES))
    source = Text(60, allow_none=True)
    tags = fields.List(Text(50), allow_none=True, validate=validate.Length(max=50))
    external_ids = ExternalIds()

    @post_load
    def _tuples(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {
            name: tuple(value or ()) if name in self.lists else value
            for name, value in data.items()
        }


class RecordView(Schema):
    """What every customer record shows."""

    id = Id()
    version = fields.Integer()
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(fields.String())
    lifecycle_stage = fields.String(validate=validate.OneOf(LIFECYCLE_STAGES))
    source = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    external_ids = fields.Dict()
    interaction_count = fields.Integer()
    last_interaction_at = Moment(allow_none=True)
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
