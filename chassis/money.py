"""Money: a decimal amount and its currency, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

__all__ = ["AMOUNT_PATTERN", "MOST_AMOUNT", "Money", "read_amount"]

MOST_AMOUNT: Final = Decimal(10) ** 15
AMOUNT_PATTERN: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$"
_AMOUNT: Final = re.compile(AMOUNT_PATTERN)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency (ISO 4217 code)."""

    amount: Decimal
    currency: str


def read_amount(text: str) -> Decimal:
    """The amount in a decimal string of at most 15 digits and 4 decimal places.

    Nothing is below zero that is not: ``-0`` is zero.

    Raises:
        ValueError: It is none, or written in another way.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError("no amount")
    return Decimal(text) if text.strip("-0.") else abs(Decimal(text))
