"""Custom fields on the wire."""

from typing import Any, ClassVar, Final

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from chassis.schemas import Flag, Id, Input, Moment, Text
from svc_customer.domain.custom_fields import (
    CUSTOM_FIELD_TYPES,
    EXTENSIBLE,
    INDEX_STATUSES,
    MAX_OPTIONS,
    UNIQUE_TYPES,
    WITH_OPTIONS,
)
from svc_customer.schemas.custom_values import CustomValue
from svc_customer.schemas.failures import FailureView

__all__ = ["CreateCustomFieldInput", "CustomFieldView", "UpdateCustomFieldInput"]

_KEY: Final = validate.Regexp(
    r"[a-z][a-z0-9_]{0,39}\Z", error="Lower-case letters, digits and underscores."
)


class UpdateCustomFieldInput(Input):
    """A merge patch of a custom field; what is not here never changes.

    Attributes:
        options: What can be chosen. One that is left out is retired: records
            that have it keep it, and no other can get it.
        default: What a new record gets that says nothing of it.
        indexed: Whether lists can be filtered by it. Records that are there
            already are found as soon as ``index_status`` is ``ready``.
    """

    example: ClassVar[dict[str, Any]] = {"label": "Sales region", "required": False}

    label = Text(100, allow_none=True)
    required = Flag()
    options = fields.List(Text(100), validate=validate.Length(1, MAX_OPTIONS))
    default = CustomValue()
    indexed = Flag()

    @post_load
    def _options(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "options" in data:
            if len(set(data["options"])) < len(data["options"]):
                raise ValidationError("An option is there twice.", "options")
            data["options"] = tuple(data["options"])
        return data


class CreateCustomFieldInput(UpdateCustomFieldInput):
    """A new field of accounts or contacts.

    Attributes:
        key: Its name in ``custom`` and in ``filter[custom.<key>]``; taken for
            ever, even if the field is archived.
        reference_to: What a ``reference`` refers to.
        unique: Whether no two records may have the same value.
    """

    example: ClassVar[dict[str, Any]] = {
        "resource": "contacts",
        "key": "region",
        "label": "Region",
        "type": "select",
        "options": ["north", "south"],
        "indexed": True,
    }

    resource = fields.String(required=True, validate=validate.OneOf(EXTENSIBLE))
    key = fields.String(required=True, validate=_KEY)
    type = fields.String(required=True, validate=validate.OneOf(CUSTOM_FIELD_TYPES))
    reference_to = fields.String(validate=validate.OneOf(EXTENSIBLE))
    unique = Flag()

    @validates_schema
    def _fits_its_type(self, data: dict[str, Any], **_: Any) -> None:
        kind = data.get("type")
        for name, has in (
            ("options", kind in WITH_OPTIONS),
            ("reference_to", kind == "reference"),
        ):
            if has != (name in data):
                raise ValidationError(
                    "Needed for this type." if has else "Not for this type.", name
                )
        if data.get("unique") and kind not in UNIQUE_TYPES:
            known = ", ".join(sorted(UNIQUE_TYPES))
            raise ValidationError(f"Only {known} can be unique.", "unique")


class CustomFieldView(Schema):
    """A custom field.

    Attributes:
        index_status: ``building`` until all records are found by it, then
            ``ready``; ``failed`` if that cannot be done: say ``indexed`` once
            more. Null where it is not indexed.
        index_error: Why it is ``failed``; null otherwise.
        retired_options: Options of earlier times, which records may still have.
    """

    id = Id()
    version = fields.Integer()
    resource = fields.String(validate=validate.OneOf(EXTENSIBLE))
    key = fields.String()
    label = fields.String(allow_none=True)
    type = fields.String(validate=validate.OneOf(CUSTOM_FIELD_TYPES))
    reference_to = fields.String(allow_none=True, validate=validate.OneOf(EXTENSIBLE))
    required = fields.Boolean()
    unique = fields.Boolean()
    indexed = fields.Boolean()
    index_status = fields.String(
        allow_none=True, validate=validate.OneOf(INDEX_STATUSES)
    )
    index_error = fields.Nested(FailureView, allow_none=True)
    options = fields.List(fields.String())
    retired_options = fields.List(fields.String())
    default = CustomValue()
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
