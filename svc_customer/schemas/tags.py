"""Tags on the wire."""

from typing import Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Input, Limit

__all__ = ["TAGGED", "TagQuery", "TagView"]

TAGGED: Final = ("accounts", "contacts")
_MAX_NAME: Final = 50
_MOST: Final = 200


class TagQuery(Input):
    """Which tags to show."""

    resource = fields.String(
        required=True,
        validate=validate.OneOf(TAGGED),
        metadata={"description": "Whose tags.", "examples": ["contacts"]},
    )
    starts_with = fields.String(
        load_default="",
        validate=validate.Length(max=_MAX_NAME),
        metadata={"description": "How their names begin, case included."},
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(1, 1_000),
        metadata={"description": "`next_cursor` of the page before."},
    )
    limit = Limit(
        load_default=50,
        validate=validate.Range(1, _MOST),
        metadata={"description": "How many at most."},
    )


class TagView(Schema):
    """A tag in use."""

    name = fields.String()
    count = fields.Integer(
        metadata={"description": "Live records that have it, counted to 1 000."}
    )
    count_capped = fields.Boolean()
