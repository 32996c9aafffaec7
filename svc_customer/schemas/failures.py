"""Why long work came to nothing, on the wire."""

from marshmallow import Schema, fields

__all__ = ["FailureView"]


class FailureView(Schema):
    """Why it failed.

    Attributes:
        code: As of a refusal; ``job_failed`` where it went wrong too often, and
            ``job_died`` where nobody lived to say how.
    """

    code = fields.String()
    message = fields.String()
