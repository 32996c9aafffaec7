"""Passwords as they are sent."""

from marshmallow import fields, validate

__all__ = ["Password"]


class Password(fields.String):
    """A secret of 8 to 256 characters, taken as it is."""

    def __init__(self, min_length: int = 8) -> None:
        super().__init__(
            required=True, load_only=True, validate=validate.Length(min_length, 256)
        )
