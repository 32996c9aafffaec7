"""Values of custom fields on the wire."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from chassis.schemas import Id, MoneyInput, Text
from svc_customer.domain.custom_fields import CustomField
from svc_customer.schemas.web_addresses import is_web_address

__all__ = ["CustomValue", "CustomValues", "read_custom_value"]

_MAX_TEXT: Final = 2_000
_MAX_CHOSEN: Final = 50
_MAX_KEYS: Final = 200
_MAX_DIGITS: Final = 15
_MAX_PLACES: Final = 6
# Within what a Decimal keeps exactly.
_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{1,6})?([eE][+-]?\d{1,2})?", re.ASCII)
_YEARS: Final = range(1900, 2200)
_TEXT: Final = Text(_MAX_TEXT)
_MONEY: Final = fields.Nested(MoneyInput)
_VALUE: Final = {
    "anyOf": [
        {"type": ["string", "null"], "maxLength": _MAX_TEXT},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "string"}, "maxItems": _MAX_CHOSEN},
        {
            "type": "object",
            "properties": {
                "amount": {"type": ["string", "integer"]},
                "currency": {"type": "string"},
            },
        },
    ]
}


class CustomValue(fields.Field[Any]):
    """A value of a custom field; its definition says what it has to be."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, metadata=_VALUE, **kwargs)


class CustomValues(fields.Dict):
    """``{key: value}``; null takes a value away."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(),
            values=CustomValue(),
            validate=validate.Length(max=_MAX_KEYS),
            metadata={"description": "By the keys of `/v1/custom-fields`."},
            **kwargs,
        )


def read_custom_value(field: CustomField, value: Any, current: Any = None) -> Any:
    """A value as it is stored and shown.

    Args:
        field: Whose value.
        value: As it came; neither null nor an empty list.
        current: What the record has now, which may be an option of earlier
            times.

    Raises:
        ValidationError: It is none of this type.
    """
    if field.type == "select":
        return _chosen(field, value, [current])
    if field.type == "multi_select":
        if not isinstance(value, list) or len(value) > _MAX_CHOSEN:
            raise ValidationError(f"Must be a list of up to {_MAX_CHOSEN} options.")
        kept = current if isinstance(current, list) else []
        chosen = [_chosen(field, each, kept) for each in value]
        return list(dict.fromkeys(chosen))
    return _READERS[field.type](value)


def _chosen(field: CustomField, value: Any, kept: list[Any]) -> str:
    if not isinstance(value, str) or value not in (*field.options, *kept):
        raise ValidationError("Must be one of the field's options.")
    return value


def _number(value: Any) -> int | float:
    """A number that a double keeps exactly as it is written."""
    wrong = ValidationError(
        f"Must be a number of at most {_MAX_DIGITS} digits, {_MAX_PLACES} of them "
        "behind the point."
    )
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong
    if not _NUMBER.fullmatch(text):
        raise wrong
    number = Decimal(text).normalize()
    places = max(0, -int(number.as_tuple().exponent))
    if places > _MAX_PLACES or number.adjusted() + 1 + places > _MAX_DIGITS:
        raise wrong
    return float(number) if places else int(number)


def _money(value: Any) -> dict[str, str]:
    money = _MONEY.deserialize(value)
    return {"amount": f"{money.amount:f}", "currency": money.currency}


def _date(value: Any) -> str:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        day = date.min
    # Other ways to write a day are read, too, and not wanted.
    if day.isoformat() != value or day.year not in _YEARS:
        raise ValidationError("Must be a day from 1900 to 2199, as in 2026-01-31.")
    return day.isoformat()


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValidationError("Must be true or false.")
    return value


def _url(value: Any) -> str:
    text: str = _TEXT.deserialize(value)
    if not is_web_address(text):
        raise ValidationError("Must be an address that begins with http or https.")
    return text


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _TEXT.deserialize,
    "number": _number,
    "money": _money,
    "date": _date,
    "boolean": _boolean,
    "reference": Id().deserialize,
    "url": _url,
}
