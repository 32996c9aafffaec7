"""Domain values as MongoDB keeps them, and back."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from bson import Decimal128

from chassis.money import Money
from chassis.mongo import Document

__all__ = ["document_of", "value_of"]


def document_of(entity: object, base_currency: str | None = None) -> Document:
    """The fields of a domain value as MongoDB keeps them.

    Without the fields that the repository itself maintains.
    """
    maintained = {"id", "version", "sequence"}
    return {
        field.name: _stored(getattr(entity, field.name), base_currency)
        for field in dataclasses.fields(entity)  # type: ignore[arg-type]
        if field.name not in maintained
    }


def _stored(value: Any, base_currency: str | None) -> Any:
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


def value_of(stored: Any) -> Any:
    """The value that a document keeps as ``stored``; nested records stay dicts."""
    if isinstance(stored, list):
        return tuple(value_of(item) for item in stored)
    if isinstance(stored, Decimal128):
        return stored.to_decimal()
    if isinstance(stored, dict) and stored.keys() == {
        "amount",
        "currency",
        "amount_base",
    }:
        return Money(stored["amount"].to_decimal(), stored["currency"])
    return stored
