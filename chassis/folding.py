"""Text as it is searched: without regard to case, accents and spacing."""

import re
import unicodedata
from typing import Final

__all__ = ["GRAM_LENGTH", "fold", "grams"]

GRAM_LENGTH: Final = 3
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """``text`` such that spellings that people take for the same are equal.

    Compatibility forms are resolved and accents removed (NFKD, Unicode TR15),
    case is folded and runs of white space become one space. Folding twice
    changes nothing more.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return " ".join(unicodedata.normalize("NFKC", bare.casefold()).split())


def grams(folded: str) -> set[str]:
    """Every run of three characters; none in a shorter text."""
    return {
        folded[start : start + GRAM_LENGTH]
        for start in range(len(folded) - GRAM_LENGTH + 1)
    }
