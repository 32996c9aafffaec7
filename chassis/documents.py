"""Domain values as MongoDB keeps them, and back."""

import dataclasses
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar

from bson import Decimal128

from chassis.money import Money
from chassis.mongo import Document

__all__ = ["KEPT_ELSEWHERE", "blanked", "document_of", "field_names", "value_of"]

Value = TypeVar("Value")

# What a field says in its ``metadata`` that follows from other records: whoever
# changes those keeps it, and storing the record leaves it as it is.
KEPT_ELSEWHERE: Final = "kept_elsewhere"

_MAINTAINED: Final = frozenset({"id", "version", "sequence"})
# Most values are of these, and the same on both sides.
_AS_THEY_ARE: Final = frozenset({str, int, float, bool, datetime})
_OF_MONEY: Final = {"amount", "currency", "amount_base"}


def document_of(entity: object, base_currency: str | None = None) -> Document:
    """The fields of a domain value as MongoDB keeps them.

    Without the fields that the repository itself maintains, and without those
    that others keep.
    """
    return {
        name: _stored(getattr(entity, name), base_currency)
        for name in _stored_names(type(entity))  # type: ignore[arg-type]
    }


@cache
def _stored_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in _MAINTAINED and not field.metadata.get(KEPT_ELSEWHERE)
    )


@cache
def field_names(kind: type[Any]) -> tuple[str, ...]:
    """What a domain class has."""
    return tuple(field.name for field in dataclasses.fields(kind))


def _stored(value: Any, base_currency: str | None) -> Any:
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Money):
        # Amounts in other currencies get theirs when there are rates.
        is_base = value.currency == base_currency
        return {
            "amount": Decimal128(value.amount),
            "currency": value.currency,
            "amount_base": Decimal128(value.amount) if is_base else None,
        }
    if dataclasses.is_dataclass(value):
        return document_of(value, base_currency)
    if isinstance(value, tuple | frozenset):
        return [_stored(item, base_currency) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Decimal128(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def blanked(entity: Value, names: Collection[str]) -> Value:
    """A domain value that has nothing in these of its fields."""
    if not names:
        return entity
    blanks = {
        name: _nothing_for(getattr(entity, name))
        for name in field_names(type(entity))  # type: ignore[arg-type]
        if name in names
    }
    return dataclasses.replace(entity, **blanks)  # type: ignore[type-var]


def _nothing_for(value: Any) -> Any:
    if isinstance(value, tuple):
        return ()
    return {} if isinstance(value, Mapping) else None


def value_of(stored: Any) -> Any:
    """The value that a document keeps as ``stored``; nested records stay dicts."""
    if stored is None or type(stored) in _AS_THEY_ARE:
        return stored
    if isinstance(stored, list):
        return tuple(value_of(item) for item in stored)
    if isinstance(stored, Decimal128):
        return stored.to_decimal()
    if isinstance(stored, dict) and stored.keys() == _OF_MONEY:
        amount = stored["amount"]
        # Somebody's own object may have members of these names.
        if isinstance(amount, Decimal128):
            return Money(amount.to_decimal(), stored["currency"])
    return stored
