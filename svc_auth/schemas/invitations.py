"""Invitations, as clients see them."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from chassis.schemas import Email, Id, Input, Moment, Text
from svc_auth.schemas.challenges import VerifyEmailInput
from svc_auth.schemas.passwords import Password
from svc_auth.schemas.people import role_keys

__all__ = [
    "AcceptInvitationInput",
    "AcceptedInvitationView",
    "CreateInvitationInput",
    "InvitationPreviewView",
    "InvitationView",
    "PreviewInvitationInput",
]


class CreateInvitationInput(Input):
    """Who is invited, and as what."""

    example: ClassVar[dict[str, Any]] = {
        "email": "grace@example.com",
        "name": "Grace Hopper",
        "roles": ["sales_rep"],
    }

    email = Email(required=True)
    name = Text(load_default=None, allow_none=True)
    roles = role_keys(required=True)


class PreviewInvitationInput(VerifyEmailInput):
    """What the link in the message holds."""

    example: ClassVar[dict[str, Any]] = dict(VerifyEmailInput.example)


class AcceptInvitationInput(VerifyEmailInput):
    """What the link in the message holds, and who is new also a password."""

    example: ClassVar[dict[str, Any]] = {
        **VerifyEmailInput.example,
        "name": "Grace Hopper",
        "password": "a long and secret one",
    }

    name = Text(load_default=None, allow_none=True)
    password = Password(is_required=False)


class InvitationView(Schema):
    """An invitation by `owner_id`, whom `person_id` has accepted."""

    id = Id()
    version = fields.Integer()
    email = fields.String()
    name = fields.String(allow_none=True)
    roles = fields.List(fields.String())
    status = fields.String(
        validate=validate.OneOf(("pending", "accepted", "revoked", "expired"))
    )
    owner_id = Id()
    person_id = Id(allow_none=True)
    created_at = Moment()
    updated_at = Moment()
    expires_at = Moment()
    accepted_at = Moment(allow_none=True)
    archived_at = Moment(allow_none=True)


class InvitationPreviewView(Schema):
    """What somebody is invited to, for who follows the link."""

    org_name = fields.String()
    inviter_name = fields.String()
    email = fields.String()
    name = fields.String(allow_none=True)
    needs_password = fields.Boolean(
        metadata={"description": "Whether one has to be set to accept it."}
    )


class AcceptedInvitationView(Schema):
    """Where to log in now, and with which address."""

    org_id = Id()
    org_name = fields.String()
    email = fields.String()
