"""Reading forms: ``application/x-www-form-urlencoded`` bodies, and no others."""

from typing import Final
from urllib.parse import parse_qsl

from flask import request

from chassis.errors import bad_request

__all__ = ["FORM", "form"]

FORM: Final = "application/x-www-form-urlencoded"
_MAX_FORM: Final = 65_536
_MAX_FIELDS: Final = 50


def form() -> dict[str, str]:
    """The fields of the request's body; each counts once (RFC 6749 §3.2).

    Raises:
        InvalidInputError: 400 ``invalid_request``.
    """
    if request.mimetype != FORM:
        raise bad_request("invalid_request", f"Send {FORM}.")
    if (request.content_length or 0) > _MAX_FORM or request.content_length is None:
        raise bad_request("invalid_request", f"At most {_MAX_FORM} bytes are read.")
    try:
        pairs = parse_qsl(
            request.get_data().decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise bad_request("invalid_request", "The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise bad_request("invalid_request", "A field may be given once.")
    if any("\0" in name or "\0" in text for name, text in pairs):
        raise bad_request("invalid_request", "A field contains a NUL character.")
    # RFC 6749 §3.2: a parameter without a value counts as left out.
    return {name: text for name, text in fields.items() if text}
