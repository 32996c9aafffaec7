"""The keys that verify tokens, as clients see them."""

from marshmallow import Schema, fields

from chassis.schemas import Moment

__all__ = ["JwksView", "SigningKeyView"]


class JwksView(Schema):
    """A JSON Web Key set (RFC 7517)."""

    keys = fields.List(fields.Dict())


class SigningKeyView(Schema):
    """One key that signs access tokens, for the operator.

    Its state is ``announced``, ``signs``, ``verifies`` (its last tokens still
    live), ``expired`` or ``retired``.
    """

    key_id = fields.String()
    state = fields.String()
    signs_from = Moment()
    created_at = Moment()
    retired_at = Moment()
