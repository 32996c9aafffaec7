"""Segments on the wire."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.schemas import Id, Input, Moment, Text
from svc_customer.domain.segments import KINDS, RESOURCES, STATUSES
from svc_customer.schemas.failures import FailureView

__all__ = [
    "CreateSegmentInput",
    "PreviewSegmentInput",
    "SegmentMemberView",
    "SegmentMembersInput",
    "SegmentMembersQuery",
    "SegmentMovesView",
    "SegmentPreviewView",
    "SegmentSizeView",
    "SegmentView",
    "UpdateSegmentInput",
]

_MOST_IDS = 500
_LANGUAGE: Final = """\
Who belongs to it: one expression, of at most five levels and thirty conditions.

- `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` join expressions.
- `{"field", "op", "value"}` is `filter[field][op]=value` of the records' own list: \
every field and operator of it but `archived_at`, relative dates and indexed custom \
fields (`custom.region`) included. `op` is `eq` if it is not given; `in` and `nin` \
take a list, and nothing else does.
- `{"interactions": type or null, "count": {"gte": 3}, "within": "90d"}` asks how \
often something happened, in whole days (UTC), today included; null is every type. \
`eq`, `gte` and `lte` compare. `"amount": {"gte": "100.00"}` compares the sum of \
amounts in the organization's currency. Without either it means once, without \
`within` ever; `"as_of": "2026-01-31"` is the last of the days instead of today.
- `{"segment": id}` is being in another segment of the same resource."""


class Definition(fields.Dict):
    """Who belongs to a segment; see docs/segments.md.

    A definition is one value, which a patch replaces as a whole.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"description": _LANGUAGE}, **kwargs)


class UpdateSegmentInput(Input):
    """A merge patch of a segment; its resource and kind are for ever."""

    example: ClassVar[dict[str, Any]] = {"description": "Bought at least three times"}

    name = Text(100)
    description = Text(500, allow_none=True)
    definition = Definition()


class CreateSegmentInput(UpdateSegmentInput):
    """A new segment; its name is taken by no other live one, in whatever case.

    Dynamic ones and snapshots have a definition, manual ones have none.
    """

    example: ClassVar[dict[str, Any]] = {
        "resource": "contacts",
        "kind": "dynamic",
        "name": "Regular customers",
        "definition": {
            "all": [
                {"field": "lifecycle_stage", "op": "eq", "value": "customer"},
                {"interactions": "purchase", "count": {"gte": 3}, "within": "90d"},
            ]
        },
    }

    name = Text(100, required=True)
    resource = fields.String(required=True, validate=validate.OneOf(RESOURCES))
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))

    @validates_schema
    def _defined(self, data: dict[str, Any], **_: Any) -> None:
        is_manual = data.get("kind") == "manual"
        if is_manual and "definition" in data:
            raise ValidationError("Not for a manual segment.", "definition")
        if not is_manual and "definition" not in data:
            raise ValidationError("Missing for this kind.", "definition")


class PreviewSegmentInput(Input):
    """A definition that is not a segment yet."""

    example: ClassVar[dict[str, Any]] = {
        "resource": "contacts",
        "definition": {"not": {"interactions": None, "within": "180d"}},
    }

    resource = fields.String(required=True, validate=validate.OneOf(RESOURCES))
    definition = Definition(required=True)


class SegmentMembersInput(Input):
    """Records that are to come into a manual segment, or to go out of it."""

    example: ClassVar[dict[str, Any]] = {
        "ids": ["019c12f0-5ec0-7c5e-b478-fdd8d973fa46"]
    }

    ids = fields.List(
        Id(), required=True, validate=validate.Length(min=1, max=_MOST_IDS)
    )


class SegmentView(Schema):
    """A segment.

    Attributes:
        status: ``building`` while its definition is being evaluated for the
            first time; the members of the one before are shown until then.
            ``failed`` if that cannot be done: change it, or refresh it.
        error: Why it is ``failed``; null otherwise.
        size: How many live members it had at ``evaluated_at``; null before
            they were counted first.
        time_zone: In which its relative dates are meant.
        first_weekday: On which their weeks begin, 1 for Monday to 7 for Sunday.
    """

    id = Id()
    version = fields.Integer()
    resource = fields.String(validate=validate.OneOf(RESOURCES))
    kind = fields.String(validate=validate.OneOf(KINDS))
    name = fields.String()
    description = fields.String(allow_none=True)
    definition = fields.Dict(allow_none=True)
    time_zone = fields.String()
    first_weekday = fields.Integer()
    status = fields.String(validate=validate.OneOf(STATUSES))
    error = fields.Nested(FailureView, allow_none=True)
    size = fields.Integer(allow_none=True)
    evaluated_at = Moment(allow_none=True)
    owner_id = fields.String(allow_none=True)
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)


def _says(text: str) -> dict[str, str]:
    return {"description": text}


class SegmentMembersQuery(Schema):
    """What the list of the members' own resource takes, its filters included."""

    limit = fields.Integer(
        validate=validate.Range(1, 200),
        metadata=_says("How many to answer at most; 50 if not given."),
    )
    cursor = fields.String(
        validate=validate.Length(max=4_096),
        metadata=_says("`next_cursor` of the page before."),
    )
    sort = fields.String(
        validate=validate.Length(max=200), metadata=_says("As in that list.")
    )
    chosen = fields.String(
        data_key="fields",
        validate=validate.Length(max=2_000),
        metadata=_says("Answer only these fields of each, as in that list."),
    )
    include = fields.String(
        validate=validate.OneOf(("count",)),
        metadata=_says("Count the members that the filters find."),
    )


class SegmentMemberView(Schema):
    """An account or a contact, with everything that its own list shows of it."""

    id = Id()
    version = fields.Integer()
    created_at = Moment()
    updated_at = Moment()


class SegmentSizeView(Schema):
    """How large a segment was on a day (UTC), at its end and in between."""

    day = fields.String()
    size = fields.Integer()
    lowest = fields.Integer()
    highest = fields.Integer()


class SegmentMovesView(Schema):
    """How many records came or went, and how many were as wanted already."""

    changed = fields.Integer()
    unchanged = fields.Integer()


class SegmentPreviewView(Schema):
    """What a definition finds.

    Attributes:
        count: How many records the caller may see of those that fit.
        count_capped: Whether there may be more than time allowed to look at.
        sample: Ten of them at most, as their own list shows them.
    """

    count = fields.Integer()
    count_capped = fields.Boolean()
    sample = fields.List(fields.Dict())
    computed_at = fields.String(metadata={"format": "date-time"})
