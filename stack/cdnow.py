"""The demo's customers: the CDNOW sample, with names made up from the number.

See ``stack/data/README.md`` for what the file is and where it comes from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final

__all__ = ["Customer", "Purchase", "customers", "purchases"]

_FIRST_NAMES: Final = (
    "Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo",
    "Iris", "Jan", "Kira", "Leo", "Mia", "Noah", "Olga", "Paul",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Adler", "Brook", "Cole", "Dahl", "Engel", "Frost", "Grant", "Hale",
    "Ito", "Jansen", "Klein", "Lund", "Moss", "Novak", "Okoye", "Price",
    "Quinn", "Rossi", "Silva", "Tanaka", "Unger", "Vance", "Weber", "Young",
)  # fmt: skip


@dataclass(frozen=True)
class Customer:
    """One customer of the sample."""

    number: str
    first_name: str
    last_name: str


@dataclass(frozen=True)
class Purchase:
    """One row; 21 rows repeat another exactly, so the line tells them apart."""

    line: int
    customer: str
    bought_on: date
    discs: int
    amount: Decimal


def purchases() -> Iterator[Purchase]:
    """All purchases, in the file's order."""
    text = files("stack").joinpath("data/cdnow_sample.txt").read_text()
    for line, row in enumerate(text.splitlines(), 1):
        _, number, day, discs, dollars = row.split()
        yield Purchase(
            line=line,
            customer=number,
            bought_on=datetime.strptime(day, "%Y%m%d").date(),  # noqa: DTZ007 - a day
            discs=int(discs),
            amount=Decimal(dollars),
        )


def customers() -> Iterator[Customer]:
    """Everybody who bought, each once."""
    for number in dict.fromkeys(purchase.customer for purchase in purchases()):
        index = int(number)
        yield Customer(
            number=number,
            first_name=_FIRST_NAMES[index % len(_FIRST_NAMES)],
            last_name=_LAST_NAMES[index // len(_FIRST_NAMES) % len(_LAST_NAMES)],
        )
