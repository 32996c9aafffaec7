"""The audit log, as clients see it."""

from marshmallow import Schema, fields

from chassis.schemas import Id

__all__ = ["AuditEntryView"]


class _PartyView(Schema):
    """Somebody or something, by its kind and id."""

    type = fields.String()
    id = fields.String()


class AuditEntryView(Schema):
    """One thing that was done about security."""

    id = Id()
    occurred_at = fields.String(
        metadata={"format": "date-time", "description": "RFC 3339, in UTC."}
    )
    action = fields.String(
        metadata={
            "description": "The event's name, such as `auth.login_failed`; "
            "docs/events.md lists them."
        }
    )
    actor = fields.Nested(
        _PartyView, metadata={"description": "Who did it; `anonymous` before a login."}
    )
    target = fields.Nested(
        _PartyView, allow_none=True, metadata={"description": "To what."}
    )
    person_id = Id(
        allow_none=True, metadata={"description": "Whom it concerns, if a person."}
    )
    address = fields.String(
        allow_none=True, metadata={"description": "Where the request came from."}
    )
    user_agent = fields.String(
        allow_none=True, metadata={"description": "What it said it came from."}
    )
    request_id = fields.String()
    operation_id = fields.String()
    data = fields.Dict(metadata={"description": "What the event says."})
    changes = fields.Dict(
        metadata={
            "description": "The fields that differ, `{field: {from, to}}`; not "
            "those that say something personal."
        }
    )
    seal = fields.String(
        allow_none=True,
        metadata={"description": "Follows from the entry and the one before it."},
    )
