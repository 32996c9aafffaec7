"""Tags on the wire."""

from typing import Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Input

__all__ = ["TAGGED", "TagQuery", "TagsView"]

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
    after = fields.String(
        load_default="",
        validate=validate.Length(max=_MAX_NAME),
        metadata={"description": "The last name of the page before."},
    )
    limit = fields.Integer(
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


class TagPageView(Schema):
    """Whether there are more."""

    has_more = fields.Boolean()


class TagsView(Schema):
    """Tags in use, by their names."""

    data = fields.List(fields.Nested(TagView))
    page = fields.Nested(TagPageView)
