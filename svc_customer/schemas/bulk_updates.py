"""Bulk updates on the wire."""

import math
from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from chassis.schemas import Flag, Id, Input, Limit, Moment
from svc_customer.schemas.failures import FailureView

__all__ = [
    "BulkUpdateConflictView",
    "BulkUpdateView",
    "CreateBulkUpdateInput",
    "ListConflictsQuery",
]

RESOURCES: Final = ("accounts", "contacts", "interactions")
_NAME: Final = validate.Regexp(r"[a-z_][a-z0-9_.]{0,99}\Z")
_MOST_VALUES: Final = 100
_TAKING_LISTS: Final = ("in", "nin")
_STATUSES: Final = (
    "counted",
    "queued",
    "running",
    "cancelling",
    "done",
    "failed",
    "cancelled",
)


class CreateBulkUpdateInput(Input):
    """One patch for every record that a filter finds.

    Attributes:
        filter: As the filters of a list: ``{field: value}`` or
            ``{field: {operator: value}}``; for ``in`` and ``nin``, and only for
            these, a list.
            Records match that the caller may read and change.
        changes: A merge patch, as for one record.
        dry_run: Only count the records.
    """

    example: ClassVar[dict[str, Any]] = {
        "resource": "contacts",
        "filter": {"lifecycle_stage": "lead", "created_at": {"lt": "2026-01-01"}},
        "changes": {"lifecycle_stage": "subscriber"},
        "dry_run": True,
    }

    resource = fields.String(required=True, validate=validate.OneOf(RESOURCES))
    filter = fields.Dict(
        keys=fields.String(validate=_NAME),
        required=True,
        validate=validate.Length(1, 10),
    )
    changes = fields.Dict(required=True, validate=validate.Length(1, 50))
    dry_run = Flag(load_default=False)

    @post_load
    def _filters(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "filters": dict(_parameters(data.pop("filter")))}


def _parameters(given: dict[str, Any]) -> Any:
    """The filters as they would stand in a query string."""
    for name, asked in given.items():
        if not isinstance(asked, dict):
            yield f"filter[{name}]", _text(name, "eq", asked)
            continue
        if not asked:
            raise ValidationError({name: ["Give an operator."]}, "filter")
        for operator, value in asked.items():
            yield f"filter[{name}][{operator}]", _text(name, operator, value)


def _text(name: str, operator: str, value: Any) -> str:
    if not isinstance(value, list):
        return _scalar(name, value)
    if operator not in _TAKING_LISTS:
        message = f"A list only for {' and '.join(_TAKING_LISTS)}."
        raise ValidationError({name: [message]}, "filter")
    texts = [_scalar(name, each) for each in value]
    if not 1 <= len(texts) <= _MOST_VALUES or any("," in each for each in texts):
        message = f"1 to {_MOST_VALUES} values without a comma."
        raise ValidationError({name: [message]}, "filter")
    return ",".join(texts)


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if isinstance(value, str | int | float) and is_finite:
        return str(value)
    raise ValidationError({name: ["Not a value to filter by."]}, "filter")


class BulkUpdateActorView(Schema):
    """Who asked for it."""

    type = fields.String()
    id = fields.String()


class BulkUpdateCountsView(Schema):
    """What came of it so far, in records.

    Attributes:
        matched: That were to be changed; of a dry run null if counting them
            takes too long.
        updated: That were changed.
        unchanged: That were so already.
        failed: That could not be changed.
        conflicts: Of which fields were left alone, as somebody had changed
            them since; of an undo.
    """

    matched = fields.Integer(allow_none=True)
    updated = fields.Integer()
    unchanged = fields.Integer()
    failed = fields.Integer()
    conflicts = fields.Integer()


class BulkUpdateView(Schema):
    """A change of many records, or the undoing of an operation.

    Attributes:
        id: Null where records were only counted.
        kind: ``update`` or ``undo``.
        status: ``counted`` is a dry run, ``cancelling`` still at work for about
            a second.
        operation_id: What all of its changes carry; it can be undone by that.
        undoes: The operation that is undone.
        progress: What part is done, from 0 to 1; null if nobody knows.
    """

    id = Id(allow_none=True)
    kind = fields.String(validate=validate.OneOf(("update", "undo")))
    status = fields.String(validate=validate.OneOf(_STATUSES))
    operation_id = Id(allow_none=True)
    undoes = Id(allow_none=True)
    resource = fields.String(allow_none=True)
    filter = fields.Dict(allow_none=True)
    changes = fields.Dict(allow_none=True)
    counts = fields.Nested(BulkUpdateCountsView)
    progress = fields.Float(allow_none=True)
    error = fields.Nested(FailureView, allow_none=True)
    created_by = fields.Nested(BulkUpdateActorView)
    created_at = Moment(allow_none=True)
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class ListConflictsQuery(Input):
    """Which part of the records is asked for."""

    limit = Limit(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "How many records."},
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(1, 1_000),
        metadata={"description": "`next_cursor` of the page before."},
    )


class BulkUpdateConflictView(Schema):
    """A record that was not changed, or not all of it.

    Attributes:
        record_id: Which one.
        resource: Of which kind.
        outcome: ``failed``: nothing was changed; ``conflict``: some fields were
            left alone.
        code: Why: ``changed_since``, or as of the refusal of a field.
        conflicts: ``{field: {original, changed_to, current}}``: what it was
            before the operation, what that made of it, and what it is now; null
            where the caller may not see the record.
    """

    record_id = Id()
    resource = fields.String()
    outcome = fields.String(validate=validate.OneOf(("failed", "conflict")))
    code = fields.String()
    message = fields.String()
    conflicts = fields.Dict(allow_none=True)
