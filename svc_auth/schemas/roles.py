"""Roles, as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, validate, validates

from chassis.schemas import Id, Input, Moment, Text
from svc_auth.domain.field_rights import FIELD_RIGHTS, HIDEABLE, other_names, rights_to
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


class _Fields(fields.Dict):
    """``{resource: {field: right}}``; what is not named is not restricted."""

    def __init__(self, **kwargs: Any) -> None:
        told = (
            "Which fields they may not see (`none`) or not write (`read`); "
            "`GET /v1/permissions` lists those that can be restricted."
        )
        super().__init__(metadata={"description": told}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        restricted = super()._deserialize(value, *args, **kwargs)  # type: ignore[no-untyped-call]
        wrong = {
            resource: found
            for resource, rights in restricted.items()
            if (found := _wrong_with_fields(resource, rights))
        }
        if wrong:
            raise ValidationError(wrong)
        return restricted


def _wrong_with_fields(resource: str, rights: Any) -> Any:
    """What is wrong with the rights to the fields of one resource."""
    if resource not in HIDEABLE:
        return [f"Must be one of: {', '.join(HIDEABLE)}."]
    if not isinstance(rights, dict):
        return ["Must be an object of fields."]
    return {
        name: [_rights_known(resource, name)]
        for name, right in rights.items()
        if right not in rights_to(resource, name)
    }


def _rights_known(resource: str, name: str) -> str:
    if known := rights_to(resource, name):
        return f"Must be one of: {', '.join(known)}."
    for field, others in other_names(resource).items():
        if name in others:
            return f"Is restricted together with {field}."
    return f"{resource} has no such field that can be restricted."


class RoleInput(Input):
    """What a role of one's own may have."""

    name = Text(60)
    description = Text(300, allow_none=True)
    grants = _Grants()
    # The last, as it has the name of Marshmallow's module.
    fields = _Fields()  # type: ignore[assignment]


class CreateRoleInput(RoleInput):
    """A new role."""

    example: ClassVar[dict[str, Any]] = {
        "key": "account_manager",
        "name": "Account manager",
        "grants": {"accounts": {"read": "all", "write": "team"}},
        "fields": {"accounts": {"phone": "none", "domain": "read"}},
    }

    key = fields.String(required=True, validate=_KEY)
    name = Text(60, required=True)
    grants = _Grants(required=True)

    @validates("key")
    def _is_free(self, key: str, **_: Any) -> None:
        if key in BUILT_IN_ROLES:
            raise ValidationError("A role that every organization has is called so.")


class UpdateRoleInput(RoleInput):
    """A merge patch of a role; ``grants`` and ``fields`` are merged, too."""

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
    # The last, as it has the name of Marshmallow's module.
    fields = fields.Dict(keys=fields.String(), values=fields.Dict())  # type: ignore[assignment]


class _PermissionView(Schema):
    """Something that can be permitted."""

    permission = fields.String()
    description = fields.String()
    reaches = fields.List(fields.String(validate=validate.OneOf(REACHES)))


class _RestrictableView(Schema):
    """A field that roles can hide or make read-only."""

    resource = fields.String()
    field = fields.String()
    rights = fields.List(fields.String(validate=validate.OneOf(FIELD_RIGHTS)))


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
    restrictable_fields = fields.List(fields.Nested(_RestrictableView))
    built_in_roles = fields.List(fields.Nested(_BuiltInRoleView))
