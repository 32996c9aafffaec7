"""Interactions on the wire."""

from typing import Any, ClassVar, Final

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from chassis.schemas import (
    Id,
    Input,
    Moment,
    MoneyInput,
    MoneyView,
    OwnerId,
    TeamIds,
    Text,
)
from svc_customer.domain.interactions import (
    DIRECTIONS,
    INTERACTION_TYPES,
    Attachment,
)
from svc_customer.schemas.records import ExternalIds

__all__ = ["CreateInteractionInput", "InteractionView", "UpdateInteractionInput"]

_MAX_INTEGER: Final = 2**53
_MAX_FACT: Final = 1_000
_LONGEST_S: Final = 30 * 24 * 3_600


class Fact(fields.Field[Any]):
    """A string, a number, a flag or null."""

    def __init__(self) -> None:
        types = ["string", "number", "boolean", "null"]
        bounds = {
            "maxLength": _MAX_FACT,
            "minimum": -_MAX_INTEGER,
            "maximum": _MAX_INTEGER,
        }
        super().__init__(allow_none=True, metadata={"type": types, **bounds})

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if isinstance(value, str) and len(value) <= _MAX_FACT:
            return value
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int) and abs(value) <= _MAX_INTEGER:
            return value
        raise ValidationError("Must be a short string, a number, a flag or null.")


class AttachmentInput(Input):
    """What is told of a file that is kept elsewhere."""

    name = Text(255, required=True)
    content_type = fields.String(
        required=True,
        validate=validate.Regexp(
            r"[a-zA-Z0-9!#$&^_.+-]{1,63}/[a-zA-Z0-9!#$&^_.+-]{1,63}\Z"
        ),
    )
    size_bytes = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, _MAX_INTEGER)
    )
    url = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(r"https?://[^\s/\x00-\x1f]{1,255}(/\S{0,1700})?\Z"),
    )
    sha256 = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(r"[0-9a-f]{64}\Z"),
    )

    @post_load
    def _attachment(self, data: dict[str, Any], **_: Any) -> Attachment:
        return Attachment(**data)


class UpdateInteractionInput(Input):
    """A merge patch (RFC 7396) of an interaction.

    Attributes:
        duration_s: Of a call or a meeting.
        thread_id: Of any interaction in the thread, its own for one that it begins;
            without it an answer is in the thread of what it answers, and anything
            else begins one.
        mentions: Members of the organization.
    """

    example: ClassVar[dict[str, Any]] = {"subject": "Spare parts, second half"}

    type = fields.String(validate=validate.OneOf(INTERACTION_TYPES))
    direction = fields.String(allow_none=True, validate=validate.OneOf(DIRECTIONS))
    subject = Text(500, allow_none=True)
    body = Text(20_000, allow_none=True)
    occurred_at = Moment()
    contact_id = Id(allow_none=True)
    account_id = Id(allow_none=True)
    amount = fields.Nested(MoneyInput, allow_none=True)
    duration_s = fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, _LONGEST_S)
    )
    thread_id = Id()
    in_reply_to = Id(allow_none=True)
    attachments = fields.List(
        fields.Nested(AttachmentInput),
        allow_none=True,
        validate=validate.Length(max=20),
    )
    mentions = fields.List(Id(), allow_none=True, validate=validate.Length(max=50))
    metadata = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")),
        values=Fact(),
        allow_none=True,
        validate=validate.Length(max=50),
    )
    external_ids = ExternalIds()
    owner_id = OwnerId()
    team_ids = TeamIds()

    @post_load
    def _tuples(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "attachments" in data:
            data["attachments"] = tuple(data["attachments"] or ())
        if "mentions" in data:
            data["mentions"] = tuple(dict.fromkeys(data["mentions"] or ()))
        if "metadata" in data:
            data["metadata"] = data["metadata"] or {}
        return data


class CreateInteractionInput(UpdateInteractionInput):
    """Something that happened with a contact, an account or both.

    Recorded with a contact and no ``account_id``, it is also with the contact's
    primary account; null says that it is not.
    """

    example: ClassVar[dict[str, Any]] = {
        "type": "purchase",
        "subject": "Spare parts",
        "occurred_at": "2026-01-31T09:30:00.000Z",
        "contact_id": "019c12f0-5ec0-7c5e-b478-fdd8d973fa46",
        "amount": {"amount": "1234.50", "currency": "EUR"},
        "metadata": {"order": "A-77", "lines": 3},
    }

    type = fields.String(required=True, validate=validate.OneOf(INTERACTION_TYPES))

    @validates_schema
    def _with_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if not (data.get("contact_id") or data.get("account_id")):
            raise ValidationError("contact_id or account_id is needed.", "contact_id")


class AttachmentView(Schema):
    """What is told of a file that is kept elsewhere."""

    name = fields.String()
    content_type = fields.String()
    size_bytes = fields.Integer()
    url = fields.String(allow_none=True)
    sha256 = fields.String(allow_none=True)


class InteractionView(Schema):
    """One entry of the timeline."""

    id = Id()
    version = fields.Integer()
    type = fields.String(validate=validate.OneOf(INTERACTION_TYPES))
    direction = fields.String(allow_none=True, validate=validate.OneOf(DIRECTIONS))
    subject = fields.String(allow_none=True)
    body = fields.String(allow_none=True)
    occurred_at = Moment()
    contact_id = Id(allow_none=True)
    account_id = Id(allow_none=True)
    amount = fields.Nested(MoneyView, allow_none=True)
    duration_s = fields.Integer(allow_none=True)
    thread_id = Id(allow_none=True)
    in_reply_to = Id(allow_none=True)
    attachments = fields.List(fields.Nested(AttachmentView))
    mentions = fields.List(Id())
    metadata = fields.Dict()
    external_ids = fields.Dict()
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(fields.String())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
