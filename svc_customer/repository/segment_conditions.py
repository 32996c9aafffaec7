"""Definitions of segments as conditions on records.

What a field has to be is compiled as the list grammar does it. What has to have
happened is looked up for some records at a time, and becomes a condition on
their ids.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from chassis.auth import Caller
from chassis.errors import FieldError, InvalidInputError, WireError, invalid_input
from chassis.fields import Clock, Field
from chassis.mongo import Document
from chassis.restrictions import is_among
from chassis.rows import TenantRows
from svc_customer.domain.definitions import (
    Group,
    Happened,
    Member,
    Node,
    Not,
    Property,
    leaves,
)
from svc_customer.domain.segments import Segment
from svc_customer.repository.interaction_days import BY_RECORD

__all__ = [
    "Compiler",
    "DaySums",
    "check_fields",
    "field_condition",
    "names_hidden",
    "names_in",
    "summed",
]

# Members are live ones; whether a record is has no condition of its own.
_NOT_ASKED: Final = frozenset({"archived_at"})
_ZERO: Final = Decimal(0)
# Which records a condition on what happened holds of.
Holding = Callable[[Happened], Document]


def names_in(node: Node) -> list[str]:
    """The filters that a definition amounts to, as lists name them."""
    return [
        f"filter[{leaf.field}]" for leaf in leaves(node) if isinstance(leaf, Property)
    ]


def names_hidden(segment: Segment, caller: Caller) -> list[str]:
    """What the definition asks of records that the caller may not see of them.

    Whatever is hidden, of one that cannot be read by now: it may ask for that.
    """
    hidden = caller.hidden_fields(segment.resource)
    if not hidden or segment.definition is None:
        return []
    conditions = segment.conditions
    if not conditions:
        return sorted(hidden)
    asked = [each.field for each in conditions if isinstance(each, Property)]
    return [name for name in asked if is_among(name, hidden)]


def check_fields(node: Node, fields: Mapping[str, Field], clock: Clock) -> None:
    """Refuse conditions that lists would refuse, each named by its path.

    Raises:
        InvalidInputError: ``invalid_input``.
    """
    errors = [
        error
        for leaf in leaves(node)
        if isinstance(leaf, Property)
        for error in _errors(leaf, fields, clock)
    ]
    if errors:
        raise invalid_input(errors)


def _errors(
    leaf: Property, fields: Mapping[str, Field], clock: Clock
) -> Iterator[FieldError]:
    field = None if leaf.field in _NOT_ASKED else fields.get(leaf.field)
    if field is None:
        known = ", ".join(sorted(fields.keys() - _NOT_ASKED))
        yield _error(f"{leaf.path}.field", f"One of {known}.")
    elif leaf.operator not in field.operators:
        yield _error(f"{leaf.path}.op", f"One of {', '.join(field.operators)}.")
    else:
        try:
            field_condition(leaf, fields, clock)
        except ValueError as error:
            yield _error(f"{leaf.path}.value", f"This takes {error}.")
        except WireError as refusal:
            # A custom field that lists do not find by, or not yet.
            yield _error(f"{leaf.path}.field", refusal.message)


def _error(path: str, message: str) -> FieldError:
    return {"field": path, "code": "invalid", "message": message}


def field_condition(
    leaf: Property, fields: Mapping[str, Field], clock: Clock
) -> Document:
    """What a condition on a field asks of a document.

    Raises:
        ValueError: The text is no value of the field.
    """
    return dict(
        fields[leaf.field].condition(leaf.field, leaf.operator, leaf.text, clock)
    )


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """Makes conditions of expanded definitions.

    Attributes:
        fields: Those of the records' list.
        clock: What relative dates are relative to.
        segments: The organization's live segments.
        holding: Says which of the records something happened with.
    """

    fields: Mapping[str, Field]
    clock: Clock
    segments: Mapping[str, Segment]
    holding: Holding

    def condition(self, node: Node) -> Document:
        """What a definition asks of a document.

        Args:
            node: See ``svc_customer.domain.segments.expanded``.

        Raises:
            InvalidInputError: ``definition_outdated``: a field or a segment of
                it is there no longer.
        """
        if isinstance(node, Group):
            word = "$and" if node.is_all else "$or"
            return {word: [self.condition(each) for each in node.parts]}
        if isinstance(node, Not):
            return {"$nor": [self.condition(node.part)]}
        if isinstance(node, Happened):
            return self.holding(node)
        try:
            if isinstance(node, Member):
                return {"segment_keys": self.segments[node.segment_id].key}
            return field_condition(node, self.fields, self.clock)
        except (LookupError, ValueError, WireError):
            raise InvalidInputError(
                "definition_outdated", f"What {node.path} names is there no longer."
            ) from None


class DaySums:
    """What happened with some records, summed up for one condition at a time.

    Args:
        days: The organization's ``interaction_days``.
        ids: Of the records.
        today: The day it is (UTC).
    """

    def __init__(self, days: TenantRows, ids: list[str], today: date) -> None:
        self._days = days
        self._ids = ids
        self._today = today
        self._sums: dict[tuple[str | None, ...], dict[str, Any]] = {}

    def holding(self, asked: Happened) -> Document:
        """The condition on the ids of those that it holds of."""
        sums = self._summed(asked)
        nothing = (0, _ZERO)
        return {
            "_id": {
                "$in": [
                    each for each in self._ids if asked.holds(*sums.get(each, nothing))
                ]
            }
        }

    def _summed(self, asked: Happened) -> dict[str, Any]:
        days = asked.day_range(self._today)
        what = (asked.type, *days.values())
        known = self._sums.get(what)
        if known is not None:
            return known
        conditions: Document = {"record_id": {"$in": self._ids}}
        if asked.type is not None:
            conditions["type"] = asked.type
        if days:
            conditions["day"] = days
        rows = self._days.aggregate([{"$match": conditions}, summed()], BY_RECORD.keys)
        found = {row["_id"]: (row["count"], row["amount"].to_decimal()) for row in rows}
        self._sums[what] = found
        return found


def summed(*, with_amounts: bool = True) -> Document:
    """The stage that sums up the days of each record; decimals cost time."""
    sums: Document = {"_id": "$record_id", "count": {"$sum": "$count"}}
    if with_amounts:
        sums["amount"] = {"$sum": "$amount_base"}
    return {"$group": sums}
