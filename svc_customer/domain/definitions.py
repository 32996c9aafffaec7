"""Who belongs to a segment: an expression, read from JSON.

``{"all": […]}``, ``{"any": […]}`` and ``{"not": {…}}`` join conditions on a
field, on what happened, and on other segments. What is wrong with one is told by
its path, as in ``definition.all.0.op``.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from chassis.errors import FieldError, InvalidInputError, invalid_input
from chassis.money import read_amount

__all__ = [
    "MOST_CONDITIONS",
    "Group",
    "Happened",
    "Leaf",
    "Member",
    "Node",
    "Not",
    "Property",
    "leaves",
    "read_definition",
    "replaced",
]

MOST_CONDITIONS: Final = 30
_MOST_LEVELS: Final = 5
_MOST_VALUES: Final = 100
_LONGEST_VALUE: Final = 1_000
_LONGEST_NAME: Final = 60
_LONGEST_WINDOW_DAYS: Final = 3_660
_YEARS: Final = range(1900, 2200)
_HIGHEST_COUNT: Final = 1_000_000
_WINDOW: Final = re.compile(r"([1-9]\d{0,3})d")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TAKING_LISTS: Final = ("in", "nin")
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, bound: bool(value == bound),
    "gte": lambda value, bound: bool(value >= bound),
    "lte": lambda value, bound: bool(value <= bound),
}


@dataclass(frozen=True)
class Property:
    """What a field of the record has to be, as ``filter[field][op]=text`` asks."""

    path: str
    field: str
    operator: str
    text: str


@dataclass(frozen=True)
class Happened:
    """How often something has to have happened, and how much it came to.

    Attributes:
        type: Of the interactions; None for every type.
        count: Comparisons with the number of interactions.
        amount: The same with the sum of their amounts.
        days: Of the last so many days, today included; None for always.
        until: The last of these days, if that is not today.
    """

    path: str
    type: str | None
    count: Mapping[str, int] = field(default_factory=dict)
    amount: Mapping[str, Decimal] = field(default_factory=dict)
    days: int | None = None
    until: date | None = None

    @property
    def is_moving(self) -> bool:
        """Whether its days are others tomorrow."""
        return self.days is not None and self.until is None

    def day_range(self, today: date) -> dict[str, str]:
        """The days that count, as ``$gte`` and ``$lte``; nothing for always.

        What is to come does not count, unless the last day is named.
        """
        if self.days is None:
            return {}
        last = self.until or today
        first = last - timedelta(days=self.days - 1)
        return {"$gte": first.isoformat(), "$lte": last.isoformat()}

    def holds(self, count: int, amount: Decimal) -> bool:
        """Whether it is true of a record with these sums."""
        return all(
            _COMPARISONS[operator](value, bound)
            for value, bounds in ((count, self.count), (amount, self.amount))
            for operator, bound in bounds.items()
        )

    @property
    def holds_of_nothing(self) -> bool:
        """Whether it is true of a record with which nothing happened."""
        return self.holds(0, Decimal(0))


@dataclass(frozen=True)
class Member:
    """Being in another segment."""

    path: str
    segment_id: str


@dataclass(frozen=True)
class Group:
    """All of the parts, or any of them."""

    is_all: bool
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a part."""

    part: "Node"


Leaf = Property | Happened | Member
Node = Leaf | Group | Not


def leaves(node: Node) -> Iterator[Leaf]:
    """Every condition in an expression."""
    if isinstance(node, Group):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        yield node


def replaced(node: Node, replace: Callable[[Leaf], Node]) -> Node:
    """The expression with every condition replaced by what ``replace`` gives."""
    if isinstance(node, Group):
        return Group(node.is_all, tuple(replaced(each, replace) for each in node.parts))
    if isinstance(node, Not):
        return Not(replaced(node.part, replace))
    return replace(node)


def read_definition(
    given: Any, types: tuple[str, ...], path: str = "definition"
) -> Node:
    """Read an expression; what the fields mean is not judged here.

    Args:
        given: JSON.
        types: Of interactions.
        path: What the expression is called.

    Raises:
        InvalidInputError: ``invalid_input``, or ``definition_too_large``: more
            than five levels or thirty conditions; the field is named.
    """
    node = _Reader(types).read(given, path, 1)
    if sum(1 for _ in leaves(node)) > MOST_CONDITIONS:
        raise _too_large(path, f"At most {MOST_CONDITIONS} conditions.")
    return node


class _Reader:
    def __init__(self, types: tuple[str, ...]) -> None:
        self._types = types

    def read(self, given: Any, path: str, level: int) -> Node:
        if not isinstance(given, dict):
            raise _invalid(path, "Not an object.")
        if level > _MOST_LEVELS:
            raise _too_large(path, f"At most {_MOST_LEVELS} levels.")
        readers: dict[str, Callable[[dict[str, Any], str, int], Node]] = {
            "all": self._group,
            "any": self._group,
            "not": self._opposite,
            "field": _property,
            "interactions": self._happened,
            "segment": _member,
        }
        for name, read in readers.items():
            if name in given:
                return read(given, path, level)
        raise _invalid(path, f"One of {', '.join(readers)} is needed.")

    def _opposite(self, given: dict[str, Any], path: str, level: int) -> Node:
        _only(given, {"not"}, path)
        return Not(self.read(given["not"], f"{path}.not", level + 1))

    def _group(self, given: dict[str, Any], path: str, level: int) -> Node:
        name = "all" if "all" in given else "any"
        _only(given, {name}, path)
        parts, where = given[name], f"{path}.{name}"
        if not isinstance(parts, list) or not parts:
            raise _invalid(where, "A list of conditions, not empty.")
        if len(parts) > MOST_CONDITIONS:
            raise _too_large(where, f"At most {MOST_CONDITIONS} conditions.")
        read = (
            self.read(part, f"{where}.{place}", level + 1)
            for place, part in enumerate(parts)
        )
        return Group(name == "all", tuple(read))

    def _happened(self, given: dict[str, Any], path: str, _level: int) -> Happened:
        _only(given, {"interactions", "count", "amount", "within", "as_of"}, path)
        type_ = given["interactions"]
        if type_ is not None and type_ not in self._types:
            known = ", ".join(self._types)
            raise _invalid(f"{path}.interactions", f"Null, or one of {known}.")
        amount = _bounds(given, "amount", path, _amount)
        # That it happened at all is what is asked where nothing else is.
        count = _bounds(given, "count", path, _count)
        if not (count or amount):
            count = {"gte": 1}
        days, until = _window(given, path), _last_day(given, path)
        return Happened(path, type_, count, amount, days, until)


def _property(given: dict[str, Any], path: str, _level: int) -> Property:
    _only(given, {"field", "op", "value"}, path)
    name, operator = given["field"], given.get("op", "eq")
    for part, value in (("field", name), ("op", operator)):
        if not isinstance(value, str) or len(value) > _LONGEST_NAME:
            raise _invalid(f"{path}.{part}", "Not a name.")
    where = f"{path}.value"
    if "value" not in given:
        raise _invalid(where, "Missing.", "required")
    value = given["value"]
    # To anything else its values together would be one text.
    if isinstance(value, list) and operator not in _TAKING_LISTS:
        raise _invalid(where, f"A list only for {' and '.join(_TAKING_LISTS)}.")
    return Property(path, name, operator, _text(value, where))


def _text(value: Any, path: str) -> str:
    """A value as it would stand in a query string."""
    if isinstance(value, list):
        if not 1 <= len(value) <= _MOST_VALUES:
            raise _invalid(path, f"A list of 1 to {_MOST_VALUES} values.")
        texts = [_scalar(each, f"{path}.{place}") for place, each in enumerate(value)]
        if any("," in each for each in texts):
            raise _invalid(path, "Values in a list may hold no comma.")
        return ",".join(texts)
    return _scalar(value, path)


def _scalar(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if isinstance(value, str | int | float) and is_finite:
        text = str(value)
        if len(text) > _LONGEST_VALUE:
            raise _invalid(path, f"At most {_LONGEST_VALUE} characters.")
        return text
    raise _invalid(path, "A string, a number, true, false, or a list of these.")


def _member(given: dict[str, Any], path: str, _level: int) -> Member:
    _only(given, {"segment"}, path)
    segment_id = given["segment"]
    if not isinstance(segment_id, str) or not _ID.fullmatch(segment_id):
        raise _invalid(f"{path}.segment", "Not an id.")
    return Member(path, segment_id)


def _window(given: dict[str, Any], path: str) -> int | None:
    within = given.get("within")
    if within is None:
        return None
    match = _WINDOW.fullmatch(within) if isinstance(within, str) else None
    if match is None or int(match[1]) > _LONGEST_WINDOW_DAYS:
        raise _invalid(
            f"{path}.within", f"Days as in 90d, at most {_LONGEST_WINDOW_DAYS}."
        )
    return int(match[1])


def _last_day(given: dict[str, Any], path: str) -> date | None:
    text = given.get("as_of")
    if text is None:
        return None
    where = f"{path}.as_of"
    if given.get("within") is None:
        raise _invalid(where, "Only together with within.")
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        day = None
    # Other spellings of ISO 8601 are no days of ours.
    if day is None or day.isoformat() != text or day.year not in _YEARS:
        raise _invalid(where, "A day from 1900 to 2199, as in 2026-01-31.")
    return day


def _bounds(
    given: dict[str, Any], name: str, path: str, read: Callable[[Any, str], Any]
) -> dict[str, Any]:
    if name not in given:
        return {}
    asked, where = given[name], f"{path}.{name}"
    if not isinstance(asked, dict) or not asked:
        raise _invalid(where, f"An object of {', '.join(_COMPARISONS)}.")
    _only(asked, set(_COMPARISONS), where)
    return {each: read(value, f"{where}.{each}") for each, value in asked.items()}


def _count(value: Any, path: str) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _HIGHEST_COUNT:
        raise _invalid(path, f"A whole number from 0 to {_HIGHEST_COUNT}.")
    return int(value)


def _amount(value: Any, path: str) -> Decimal:
    try:
        return read_amount(value if isinstance(value, str) else "")
    except ValueError:
        raise _invalid(
            path,
            "A decimal string of at most 15 digits and 4 decimal places, "
            'as in "1234.50".',
        ) from None


def _only(given: Mapping[str, Any], known: set[str], path: str) -> None:
    if unknown := sorted(str(name)[:100] for name in given.keys() - known):
        raise _invalid(f"{path}.{unknown[0]}", "Unknown here.", "unknown_field")


def _invalid(path: str, message: str, code: str = "invalid") -> InvalidInputError:
    error: FieldError = {"field": path, "code": code, "message": message}
    return invalid_input([error])


def _too_large(path: str, message: str) -> InvalidInputError:
    code = "definition_too_large"
    error: FieldError = {"field": path, "code": code, "message": message}
    return invalid_input([error], code, message)
