"""Fields that lists may be filtered and sorted by, and what each compares.

A field's kind says how its values are written in a query string, how they are
stored, and which operators make sense of them. All that becomes part of a
MongoDB query is built here from parsed values; nothing of a client's text is
ever a field name or an operator.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from bson import Decimal128

from chassis.dates import read_day, read_moment
from chassis.dialing import digits
from chassis.events import wire_time
from chassis.folding import GRAM_LENGTH, fold, grams
from chassis.ids import is_id
from chassis.mailboxes import address_key
from chassis.periods import Period, bounds_of, period_of

__all__ = [
    "EARLIEST",
    "FOLDED",
    "GRAMS",
    "OPERATORS",
    "Clock",
    "Condition",
    "Field",
    "search_keys",
]

EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
FOLDED: Final = "folded"
GRAMS: Final = "grams"

Kind = Literal[
    "id",
    "code",
    "text",
    "email",
    "phone",
    "datetime",
    "date",
    "flag",
    "decimal",
    "integer",
]
# Paths to what is asked of the value there; all of them have to hold.
Condition = dict[str, dict[str, Any]]

_MAX_VALUES: Final = 100
# What JSON takes for one, with a plus sign perhaps.
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")
_MAX_VALUE_LENGTH: Final = 1_000
_FOLDED_LENGTH: Final = 200
_BEHIND_ALL: Final = "\U0010ffff"
_EQUALITY: Final = ("eq", "ne", "in", "nin", "exists")
_RANGES: Final = ("gt", "gte", "lt", "lte")
_BELOW: Final = ("lt", "lte")
_SEARCH: Final = ("contains", "starts_with")
_SEVERAL: Final = frozenset({"in", "nin"})
OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "id": _EQUALITY,
    "code": _EQUALITY,
    "text": (*_EQUALITY, *_RANGES, *_SEARCH),
    "email": (*_EQUALITY, *_SEARCH),
    "phone": _EQUALITY,
    "datetime": (*_EQUALITY, *_RANGES),
    "date": (*_EQUALITY, *_RANGES),
    "flag": ("eq", "ne", "exists"),
    "decimal": (*_EQUALITY, *_RANGES),
    "integer": (*_EQUALITY, *_RANGES),
}


class Calendar(Protocol):
    """What says when days and weeks begin."""

    @property
    def time_zone(self) -> str: ...
    @property
    def first_weekday(self) -> int: ...


@dataclass(frozen=True)
class Clock:
    """When and where a query is asked, for its relative dates."""

    now: datetime
    zone: ZoneInfo
    first_weekday: int = 1

    @classmethod
    def of(cls, now: datetime, calendar: Calendar) -> "Clock":
        """The clock of whoever has this calendar."""
        return cls(now, ZoneInfo(calendar.time_zone), calendar.first_weekday)

    @property
    def today(self) -> date:
        """The day it is there."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True)
class Field:
    """What clients may do with one field of a list.

    Attributes:
        kind: ``id`` and ``code`` compare exactly. ``text`` compares without
            regard to case and accents, by its first 200 characters, and can be
            searched, ``email`` without regard to case, ``phone`` by its digits.
            ``datetime`` and ``date`` take relative dates.
        path: Where the value is stored, if not under the field's name. A
            ``text`` is compared in its folded form, which the repository
            keeps under ``folded``.
        is_sortable: Whether ``sort`` may name it.
        is_list: Whether several values are stored; one that fits is enough.
        choices: All values there are, if they can be listed.
        is_wire_text: Whether a ``datetime`` is stored as events carry it.
        form: How its values are written, where that is not plain.
    """

    kind: Kind = "code"
    path: str | None = None
    is_sortable: bool = False
    is_list: bool = False
    choices: tuple[str, ...] = ()
    is_wire_text: bool = False
    form: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        """What ``filter[field][…]`` may say."""
        return OPERATORS[self.kind]

    def path_of(self, name: str) -> str:
        """Where values of the field called ``name`` are compared."""
        if self.kind == "text":
            return f"{FOLDED}.{name}"
        return self.path or name

    def condition(self, name: str, operator: str, text: str, clock: Clock) -> Condition:
        """What ``filter[name][operator]=text`` asks of a document.

        Raises:
            ValueError: The text is no value of this kind; the message says
                what would be.
        """
        path = self.path_of(name)
        if operator in _SEVERAL:
            return {path: {f"${operator}": self._values(text, clock)}}
        _refuse_absurd(text)
        if operator == "exists":
            return {path: self._existence(text)}
        if operator in _SEARCH:
            return self._search(name, operator, text)
        value = self._parse(text, clock)
        if isinstance(value, tuple):
            return {path: _within(operator, *value)}
        # What is empty comes before every text, and is none.
        there = {"$gt": ""} if self.kind == "text" and operator in _BELOW else {}
        return {path: {**there, f"${operator}": value}}

    def _existence(self, text: str) -> dict[str, Any]:
        is_there = _flag(text)
        if self.kind == "text":
            return {"$gt": ""} if is_there else {"$eq": ""}
        if self.is_list:
            return {"$nin": [None, []]} if is_there else {"$in": [None, []]}
        if self.kind == "datetime" and is_there and not self.is_wire_text:
            # Every time there is; an index of those that are set can serve it.
            return {"$gte": EARLIEST}
        # An empty field is stored as null.
        return {"$ne": None} if is_there else {"$eq": None}

    def _search(self, name: str, operator: str, text: str) -> Condition:
        wanted = self._folded(text)
        path = self.path_of(name)
        if not wanted:
            raise ValueError("something to look for")
        if operator == "starts_with":
            bounds = {"$gte": wanted, "$lt": wanted + _BEHIND_ALL}
            return {path: {"$elemMatch": bounds} if self.is_list else bounds}
        if len(wanted) < GRAM_LENGTH:
            raise ValueError(f"{GRAM_LENGTH} characters or more, or use starts_with")
        keys = [f"{name}:{gram}" for gram in sorted(grams(wanted))]
        return {GRAMS: {"$all": keys}, path: {"$regex": re.escape(wanted)}}

    def _values(self, text: str, clock: Clock) -> list[Any]:
        parts = text.split(",")
        if len(parts) > _MAX_VALUES:
            raise ValueError(f"at most {_MAX_VALUES} values")
        for part in parts:
            _refuse_absurd(part)
        values = [self._parse(part, clock) for part in parts]
        if any(isinstance(value, tuple) for value in values):
            raise ValueError("moments; use gte and lt for periods")
        return values

    def _parse(self, text: str, clock: Clock) -> Any:
        """The value as it is stored, or a pair where a period is meant."""
        if self.choices and text not in self.choices:
            raise ValueError(f"one of {', '.join(self.choices)}")
        if self.kind in {"text", "email"}:
            return self._folded(text)
        if self.kind == "datetime":
            moment = _moment_or_period(text, clock)
            return _on_the_wire(moment) if self.is_wire_text else moment
        if self.kind == "date":
            return _day_or_period(text, clock)
        try:
            return _PARSERS[self.kind](text)
        except ArithmeticError:
            raise ValueError("a number that can be kept") from None

    def _folded(self, text: str) -> str:
        return self.folded(text) if self.kind == "text" else address_key(text)

    def folded(self, value: str | None) -> str:
        """A ``text`` as it is stored to be compared and sorted; never null."""
        return fold(value or "")[:_FOLDED_LENGTH]


def search_keys(
    fields: Mapping[str, Field], document: Mapping[str, Any]
) -> dict[str, Any]:
    """What is stored beside a document so that its text can be searched.

    Args:
        fields: The fields of its list.
        document: Its values, under the paths that ``email`` fields have.

    Returns:
        ``folded``, the texts as they compare, and ``grams``, every run of
        three characters with its field's name; nothing for a list that has
        neither.
    """
    folded = {
        name: field.folded(document.get(field.path or name))
        for name, field in fields.items()
        if field.kind == "text"
    }
    addresses = {
        name: document.get(field.path or name)
        for name, field in fields.items()
        if field.kind == "email"
    }
    keys: dict[str, Any] = {FOLDED: folded} if folded else {}
    if found := {
        f"{name}:{gram}"
        for name, stored in (*folded.items(), *addresses.items())
        for text in ([stored] if isinstance(stored, str) else stored or ())
        for gram in grams(text[:_FOLDED_LENGTH])
    }:
        keys[GRAMS] = sorted(found)
    elif folded or addresses:
        keys[GRAMS] = []
    return keys


def _refuse_absurd(text: str) -> None:
    if len(text) > _MAX_VALUE_LENGTH or "\0" in text:
        raise ValueError(f"at most {_MAX_VALUE_LENGTH} characters, no NUL")


def _within(operator: str, first: Any, behind: Any) -> dict[str, Any]:
    """A comparison with a whole period."""
    match operator:
        case "eq":
            return {"$gte": first, "$lt": behind}
        case "ne":
            return {"$not": {"$gte": first, "$lt": behind}}
        case "gt":
            return {"$gte": behind}
        case "gte":
            return {"$gte": first}
        case "lt":
            return {"$lt": first}
        case _:
            return {"$lt": behind}


def _on_the_wire(value: Any) -> Any:
    """A moment, or both bounds of a period, as text that sorts like them."""
    if isinstance(value, tuple):
        return tuple(map(wire_time, value))
    return wire_time(value)


def _moment_or_period(text: str, clock: Clock) -> Any:
    try:
        if (period := _period(text, clock)) is not None:
            return bounds_of(period, clock.zone)
        # A plus sign that was not escaped arrives as a space.
        return read_moment(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise ValueError("a time (RFC 3339), a day or a relative date") from None


def _day_or_period(text: str, clock: Clock) -> Any:
    try:
        period = _period(text, clock)
    except (ValueError, OverflowError):
        period = None
    if period is None:
        raise ValueError("a day such as 2026-01-31, or a relative date")
    first, behind = (day.isoformat() for day in period)
    return first if _is_plain_day(text) else (first, behind)


def _period(text: str, clock: Clock) -> Period | None:
    if _is_plain_day(text):
        day = read_day(text)
        return day, date.fromordinal(day.toordinal() + 1)
    return period_of(text, clock.today, clock.first_weekday)


def _is_plain_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None


def _identifier(text: str) -> str:
    if not is_id(text):
        raise ValueError("an id")
    return text


def _dialed(text: str) -> str:
    if not (dialed := digits(text)):
        raise ValueError("a telephone number")
    return dialed


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII):
        raise ValueError("a whole number of 64 bits")
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("a whole number of 64 bits")
    return number


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def _decimal(text: str) -> Decimal128:
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number such as 12.50")
    return Decimal128(Decimal(text))


_PARSERS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    "id": _identifier,
    "code": str,
    "phone": _dialed,
    "flag": _flag,
    "decimal": _decimal,
    "integer": _integer,
}
