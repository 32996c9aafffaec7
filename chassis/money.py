"""Money: a decimal amount and its currency, never a float."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

__all__ = ["MOST_AMOUNT", "Money", "is_amount"]

MOST_AMOUNT: Final = Decimal(10) ** 15
_MOST_PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency (ISO 4217 code)."""

    amount: Decimal
    currency: str


def is_amount(number: Decimal) -> bool:
    """Whether it has at most 15 digits and 4 decimal places, and so is kept exactly.

    It only compares: arithmetic fails with a number that is far too large.
    """
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not -_MOST_PLACES <= exponent <= 0:
        return False
    return -MOST_AMOUNT < number < MOST_AMOUNT
