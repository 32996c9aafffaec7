"""E-mail addresses as they are compared, however people write them."""

import re
import unicodedata
from contextlib import suppress
from typing import Final

__all__ = ["address_key"]

_PREFIX: Final = "xn--"
# What stands between the labels of a domain (RFC 3490 §3.1).
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")


def address_key(address: str) -> str:
    """An address in the one spelling that all spellings of it have.

    Case does not count, and a domain that is written for machines (RFC 3492)
    is the one that people read. Beginnings of addresses have keys as well.
    """
    local, at, domain = address.strip().rpartition("@")
    if domain.isascii() and _PREFIX not in domain.lower():
        return local.casefold() + at + domain.lower()
    labels = map(_readable, _DOTS.split(domain.lower()))
    return local.casefold() + at + ".".join(labels)


def _readable(label: str) -> str:
    readable = label
    if label.startswith(_PREFIX):
        # The beginning of one, or nobody's, is compared as it is.
        with suppress(UnicodeError):
            readable = label.removeprefix(_PREFIX).encode().decode("punycode")
    return unicodedata.normalize("NFC", readable or label)
