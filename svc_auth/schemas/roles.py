"""Roles, as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validate, validates

from chassis.schemas import Id, Input, Moment, Text
from svc_auth.domain.roles import BUILT_IN_ROLES, OWNED, PERMISSIONS, REACHES

__all__ = ["CreateRoleInput", "PermissionsView", "RoleView", "UpdateRoleInput"]

_KEY: Final = validate.Regexp(
    r"[a-z][a-z0-9_]{0,39}\Z", error="Lower-case letters, digits and underscores."
)


class _Grants(fields.Dict):
    """``{resource: {action: reach}}``; what is not named is not granted."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        grants = super()._deserialize(value, *args, **kwargs)  # type: ignore[no-untyped-call]
        wrong = {
            resource: found
            for resource, actions in grants.items()
            if (found := _wrong_with(resource, actions))
        }
        if wrong:
            raise ValidationError(wrong)
        return grants


def _wrong_with(resource: str, actions: Any) -> Any:
    """What is wrong with the grants of one resource, as Marshmallow tells it."""
    if resource not in PERMISSIONS:
        return [f"Must be one of: {', '.join(PERMISSIONS)}."]
    if not isinstance(actions, dict):
        return ["Must be an object of actions."]
    reaches: tuple[str, ...] = REACHES if resource in OWNED else ("none", "all")
    return {
        action: [
            f"Must be one of: {', '.join(reaches)}."
            if action in PERMISSIONS[resource]
            else f"{resource} has no such action."
        ]
        for action, reach in actions.items()
        if action not in PERMISSIONS[resource] or reach not in reaches
    }


class RoleInput(Input):
    """What a role of one's own may have."""

    name = Text(60)
    description = Text(300, allow_none=True)
    grants = _Grants()


class CreateRoleInput(RoleInput):
    """A new role."""

    example: ClassVar[dict[str, Any]] = {
        "key": "account_manager",
        "name": "Account manager",
        "grants": {"accounts": {"read": "all", "write": "team"}},
    }

    key = fields.String(required=True, validate=_KEY)
    name = Text(60, required=True)
    grants = _Grants(required=True)

    @validates("key")
    def _is_free(self, key: str, **_: Any) -> None:
        if key in BUILT_IN_ROLES:
            raise ValidationError("A role that every organization has is called so.")


class UpdateRoleInput(RoleInput):
    """A merge patch of a role; ``grants`` are merged resource by resource."""

    example: ClassVar[dict[str, Any]] = {"grants": {"leads": {"read": "team"}}}


class RoleView(Schema):
    """A role of the organization's own."""

    id = Id()
    version = fields.Integer()
    key = fields.String()
    name = fields.String()
    description = fields.String(allow_none=True)
    grants = fields.Dict(keys=fields.String(), values=fields.Dict())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)


class _PermissionView(Schema):
    """Something that can be permitted."""

    permission = fields.String()
    description = fields.String()
    reaches = fields.List(fields.String(validate=validate.OneOf(REACHES)))


class _BuiltInRoleView(Schema):
    """A role that every organization has."""

    key = fields.String()
    name = fields.String()
    description = fields.String()
    grants = fields.Dict(
        keys=fields.String(), values=fields.String(validate=validate.OneOf(REACHES))
    )


class PermissionsView(Schema):
    """Everything that can be permitted, and the roles that are there from the start."""

    permissions = fields.List(fields.Nested(_PermissionView))
    built_in_roles = fields.List(fields.Nested(_BuiltInRoleView))
