"""Telephone numbers as they are compared, however people write them."""

import re
import unicodedata
from typing import Final

__all__ = ["digits", "number_keys"]

# How long a country's code is follows from how it begins (ITU-T E.164).
_COUNTRY_CODE: Final = re.compile(
    r"\A(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})"
)


def digits(number: str) -> str:
    """The digits of a number as they are compared: plain, no leading zeros."""
    return "".join(
        str(unicodedata.digit(character))
        for character in number
        if unicodedata.digit(character, None) is not None
    ).lstrip("0")


def number_keys(number: str) -> list[str]:
    """What a number is found by: its digits, and those behind a country's code.

    People leave the code out, and dial a zero instead.
    """
    plain = digits(number)
    if not plain:
        return []
    if not number.strip().startswith(("+", "00")):
        return [plain]
    national = _COUNTRY_CODE.sub("", plain).lstrip("0")
    return [plain, national] if national else [plain]
