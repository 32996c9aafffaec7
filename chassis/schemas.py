"""Reading payloads: what every schema has in common.

Unknown fields are refused, strings are bounded, and what is wrong is told
field by field.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)
from marshmallow import (
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
)

from chassis.dates import read_day, read_moment
from chassis.errors import FieldError, bad_request, invalid_input
from chassis.events import wire_time
from chassis.ids import is_id
from chassis.money import AMOUNT_PATTERN, MOST_AMOUNT, Money, read_amount

__all__ = [
    "Currency",
    "Day",
    "Email",
    "Flag",
    "Id",
    "Input",
    "Limit",
    "Moment",
    "MoneyInput",
    "MoneyView",
    "OwnerId",
    "TeamIds",
    "Text",
    "TimeZone",
    "field_errors",
    "load",
    "load_query",
]

_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_CONTROL: Final = frozenset(map(chr, range(32))) - set("\t\n\r")
_LIMIT: Final = re.compile(r"[0-9]{1,3}")
_MAX_EMAIL: Final = 254
_MAX_OWNER: Final = 100
_MAX_TIME_ZONE: Final = 64
# ISO 4217, active codes of national currencies.
_CURRENCIES: Final = tuple(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD
    BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP
    ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
    TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER
    ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a list would fill three screens
)


# Whether mail arrives is for the mail to tell: a name that only a local network
# or a test knows is a name. Emptying the list is the library's documented way.
SPECIAL_USE_DOMAIN_NAMES.clear()


class Input(Schema):
    """A payload from outside; a field that is not declared is an error.

    Attributes:
        example: One that is accepted, for the description of the interface.
    """

    example: ClassVar[dict[str, Any] | None] = None

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


class Text(fields.String):
    """A bounded, non-empty string without control characters."""

    def __init__(self, max_length: int = 200, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.Length(1, max_length),
            metadata={"pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"},
            **kwargs,
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        # Before the ends are stripped: some of them count as spaces.
        if not _CONTROL.isdisjoint(text):
            raise ValidationError("Must not contain control characters.")
        return text.strip()


class Id(fields.String):
    """The id of a record."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uuid", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        if not is_id(text):
            raise ValidationError("Not an id.")
        return text


class Flag(fields.Boolean):
    """True or false as JSON has them; no number or word stands for one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Limit(fields.Integer):
    """How many rows are asked for, in digits as every list takes it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not _LIMIT.fullmatch(_text(value)):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


class OwnerId(fields.String):
    """Whose a record is; null is nobody's."""

    def __init__(self, **kwargs: Any) -> None:
        length = validate.Length(1, _MAX_OWNER)
        super().__init__(allow_none=True, validate=length, **kwargs)


class TeamIds(fields.List[Any]):
    """Up to twenty teams that a record is given to; null is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            Id(), allow_none=True, validate=validate.Length(max=20), **kwargs
        )

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """What is given, or no teams."""
        return super().deserialize([] if value is None else value, *args, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(dict.fromkeys(super()._deserialize(value, *args, **kwargs)))


class Email(fields.String):
    """An e-mail address (RFC 5321, with international domains), normalized.

    Args:
        keeps_domain: Leave a domain in the spelling that somebody gave it, in
            small letters; ``chassis.mailboxes`` compares such addresses.
    """

    def __init__(self, *, keeps_domain: bool = False, **kwargs: Any) -> None:
        self._keeps_domain = keeps_domain
        described = {"format": "email", "maxLength": _MAX_EMAIL}
        super().__init__(metadata=described, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs).strip()
        try:
            if len(text) > _MAX_EMAIL:
                raise ValidationError("Not an e-mail address.")
            found = validate_email(
                text,
                check_deliverability=False,
                globally_deliverable=False,
                strict=True,
            )
        except EmailNotValidError:
            raise ValidationError("Not an e-mail address.") from None
        if "." not in found.domain:
            raise ValidationError("Not an e-mail address.")
        if self._keeps_domain:
            return f"{found.local_part}@{text.rpartition('@')[2].lower()}"
        return found.normalized


class Moment(fields.AwareDateTime):
    """A point in time between 1900 and 2200; RFC 3339 in UTC on the wire."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            format="iso",
            default_timezone=UTC,
            validate=validate.Range(_EARLIEST, _LATEST, max_inclusive=False),
            **kwargs,
        )

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else wire_time(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        try:
            moment = read_moment(_text(value))
        except ValueError:
            raise ValidationError(
                "Must be a time (RFC 3339), as in 2026-01-31T09:30:00Z."
            ) from None
        return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


class Day(fields.Date):
    """A day of the calendar; ``2026-01-31`` and no other way to write it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        try:
            return read_day(_text(value))
        except ValueError:
            raise ValidationError("Must be a day, as in 2026-01-31.") from None


class _Amount(fields.Decimal):
    """A decimal string or a whole number; a float has already lost digits."""

    def __init__(self, **kwargs: Any) -> None:
        described = {
            "type": ["string", "integer"],
            "pattern": AMOUNT_PATTERN,
            "exclusiveMinimum": -int(MOST_AMOUNT),
            "exclusiveMaximum": int(MOST_AMOUNT),
        }
        super().__init__(metadata=described, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        try:
            return read_amount(str(value) if is_whole else _text(value))
        except ValueError:
            raise ValidationError(
                'Must be a decimal string, as in "1234.50", of at most 15 digits '
                "and 4 decimal places."
            ) from None


class Currency(fields.String):
    """The code of a national currency (ISO 4217)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(_CURRENCIES), **kwargs)


class TimeZone(fields.String):
    """The name of a time zone in IANA's database."""

    def __init__(self, **kwargs: Any) -> None:
        described = {"maxLength": _MAX_TIME_ZONE}
        super().__init__(metadata=described, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        name: str = super()._deserialize(value, *args, **kwargs)
        if name not in _time_zones():
            raise ValidationError("Not a time zone.")
        return name


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


class MoneyInput(Input):
    """``{"amount": "1234.50", "currency": "EUR"}``."""

    amount = _Amount(required=True, allow_nan=False)
    currency = Currency(required=True)

    @post_load
    def _money(self, data: dict[str, Any], **_: Any) -> Money:
        return Money(**data)


class MoneyView(Schema):
    """An amount as a decimal string, with its currency."""

    amount = fields.Function(
        lambda money: f"{money.amount:f}",
        metadata={"type": "string", "pattern": AMOUNT_PATTERN},
    )
    currency = fields.String()


def _text(value: Any) -> str:
    """A text as it is; of anything else none, which nobody can read."""
    return value if isinstance(value, str) else ""


def load(schema: Schema, payload: Any) -> dict[str, Any]:
    """Read a payload by a schema.

    Raises:
        InvalidInputError: ``invalid_input``, each field at fault by its path.
    """
    if not isinstance(payload, Mapping):
        raise invalid_input(
            [{"field": "", "code": "invalid", "message": "Not an object."}]
        )
    try:
        data: dict[str, Any] = schema.load(payload)
    except ValidationError as error:
        raise invalid_input(field_errors(error.messages, "")) from None
    return data


def load_query(schema: Schema, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Read query parameters by a schema.

    Raises:
        InvalidInputError: 400 ``unknown_parameter``, or ``invalid_query``, each
            parameter at fault by its name.
    """
    try:
        data: dict[str, Any] = schema.load(parameters)
    except ValidationError as error:
        found = field_errors(error.messages, "")
    else:
        return data
    if unknown := [each for each in found if each["code"] == "unknown_field"]:
        raise bad_request(
            "unknown_parameter",
            "There is no such parameter.",
            _as_parameters(unknown, "unknown_parameter"),
        )
    raise bad_request(
        "invalid_query",
        "Some parameters cannot be read.",
        _as_parameters(found, "invalid_query"),
    )


def _as_parameters(found: list[FieldError], code: str) -> list[FieldError]:
    return [
        {"field": each["field"][:100], "code": code, "message": each["message"]}
        for each in found
    ]


def field_errors(messages: Any, path: str) -> list[FieldError]:
    """What marshmallow says of the field at ``path``, as refusals tell it."""
    if isinstance(messages, Mapping):
        return [
            each
            for name, inner in messages.items()
            for each in field_errors(inner, _joined(path, str(name)))
        ]
    return [
        {"field": path, "code": _code(str(message)), "message": str(message)}
        for message in messages
    ]


def _joined(path: str, name: str) -> str:
    if name == "_schema":
        return path
    return f"{path}.{name}" if path else name


def _code(message: str) -> str:
    if message.startswith("Missing"):
        return "required"
    return "unknown_field" if message.startswith("Unknown") else "invalid"
