"""Addresses of pages, which front-ends make links of."""

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError

from chassis.schemas import Text

__all__ = ["Website", "is_web_address"]


def is_web_address(text: str) -> bool:
    """Whether this is a URL that begins with http or https.

    It names no user, as RFC 9110 §4.2.4 wants it.
    """
    try:
        parts = urlsplit(text)
        # Reading a port refuses what is none.
        has_host = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and has_host and not re.search(r"\s", text)


class Website(Text):
    """The address of a page, as people write it: the scheme may be left out.

    No other scheme is taken: a link with ``javascript:`` would be a trap.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(500, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        if not is_web_address(text if "://" in text else f"https://{text}"):
            raise ValidationError("Must be an address such as https://a.example.")
        return text
