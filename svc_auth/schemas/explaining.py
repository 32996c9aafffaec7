"""Who may do what, as clients ask and are told."""

from typing import Final

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Input
from svc_auth.domain.explaining import BECAUSE
from svc_auth.domain.roles import PERMISSIONS, REACHES

__all__ = ["ExplainQuery", "ExplanationView"]

_REACH: Final = validate.OneOf(REACHES)


class ExplainQuery(Input):
    """What is to be explained."""

    resource = fields.String(
        required=True,
        validate=validate.OneOf(sorted(PERMISSIONS)),
        metadata={
            "description": "Of which kind of records.",
            "examples": ["contacts"],
        },
    )
    id = Id(
        load_default=None,
        metadata={"description": "Which record; without, the whole kind."},
    )
    principal = Id(
        load_default=None,
        metadata={"description": "Which member; without, all who may do anything."},
    )


class _GrantView(Schema):
    """How far a role grants a permission."""

    role = fields.String()
    reach = fields.String(validate=_REACH)


class _AccessView(Schema):
    """Whether somebody may do something, and why."""

    permission = fields.String()
    is_allowed = fields.Boolean(
        metadata={"description": "Without a record: whether with any at all."}
    )
    reach = fields.String(validate=_REACH)
    because = fields.String(validate=validate.OneOf(BECAUSE))
    team_ids = fields.List(Id())
    granted_by = fields.List(fields.Nested(_GrantView))


class _MemberView(Schema):
    """What a member may do."""

    id = Id()
    name = fields.String()
    read = fields.Nested(_AccessView, allow_none=True)
    write = fields.Nested(_AccessView, allow_none=True)
    hidden_fields = fields.List(
        fields.String(), metadata={"description": "What they may not see of them."}
    )
    read_only_fields = fields.List(
        fields.String(), metadata={"description": "What they may see, but not write."}
    )


class ExplanationView(Schema):
    """Who may do what with a record, or with records of a kind, and why."""

    resource = fields.String()
    id = Id(allow_none=True)
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(Id())
    principals = fields.List(fields.Nested(_MemberView))
    is_complete = fields.Boolean(
        metadata={
            "description": "Whether all members were looked at; only the first "
            "thousand are."
        }
    )
