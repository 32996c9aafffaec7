"""Passwords as they are sent."""

from typing import Any, ClassVar

from marshmallow import fields, validate

from chassis.schemas import Input

__all__ = ["ChangePasswordInput", "Password"]


class Password(fields.String):
    """A secret of 8 to 256 characters, taken as it is."""

    def __init__(self, min_length: int = 8, *, is_required: bool = True) -> None:
        unless_given = {} if is_required else {"load_default": None, "allow_none": True}
        super().__init__(
            required=is_required,
            load_only=True,
            validate=validate.Length(min_length, 256),
            **unless_given,  # type: ignore[arg-type]
        )


class ChangePasswordInput(Input):
    """Another password for oneself."""

    example: ClassVar[dict[str, Any]] = {
        "current_password": "a long and secret one",
        "password": "a longer and more secret one",
    }

    current_password = Password(min_length=1)
    password = Password()
