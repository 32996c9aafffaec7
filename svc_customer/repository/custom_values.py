"""How records are found by the values of custom fields.

A record keeps ``{"k": key, "v": value}`` for each value of an indexed field, all
of them in one multikey index, and ``key:value`` for each of a unique one.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bson import Decimal128
from pymongo.database import Database

from chassis.context import Context
from chassis.errors import ConflictError
from chassis.fields import GRAMS, OPERATORS, Clock, Condition, Field, Kind
from chassis.folding import fold
from chassis.mongo import Document, Index
from chassis.query import refuse
from chassis.rows import TenantRows
from svc_customer.domain.custom_fields import CustomField
from svc_customer.repository.custom_fields import CustomFieldRepository

__all__ = ["CUSTOM_INDEXES", "Customized", "found_by", "unique_keys"]

_PREFIX: Final = "custom."
_INDEX: Final = "custom_index"
_KEYS: Final = "custom_keys"
_KINDS: Final[Mapping[str, Kind]] = {
    "text": "text",
    "number": "decimal",
    "money": "decimal",
    "date": "date",
    "select": "code",
    "multi_select": "code",
    "boolean": "flag",
    "reference": "id",
    "url": "code",
}
_TEXT: Final = Field("text")
_UNNEEDED: Final = (GRAMS, "search_words", "pending_events")
# What they deny is found by what they do not.
_DENIALS: Final = {"ne": "eq", "nin": "in"}

CUSTOM_INDEXES: Final = (
    Index(
        (
            ("org_id", 1),
            (f"{_INDEX}.k", 1),
            (f"{_INDEX}.v", 1),
            ("created_at", 1),
            ("_id", 1),
            ("is_live", 1),
        ),
        partial={f"{_INDEX}.k": {"$exists": True}},
    ),
    Index(
        (("org_id", 1), (_KEYS, 1)),
        is_unique=True,
        # An empty list would be a value of its own.
        partial={_KEYS: {"$gt": ""}},
    ),
)


def found_by(
    fields: Iterable[CustomField], values: Mapping[str, Any], currency: str | None
) -> tuple[Document, ...]:
    """The entries of the index for a record with these values.

    An amount that is not in the organization's own ``currency`` is there, but
    equals nothing.
    """
    return tuple(
        {"k": field.key, "v": each}
        for field in fields
        if field.indexed and field.key in values
        for each in _compared(field, values[field.key], currency)
    )


def _compared(field: CustomField, value: Any, currency: str | None) -> Iterator[Any]:
    if field.type == "text":
        yield _TEXT.folded(value)
    elif field.type == "money":
        is_own = value["currency"] == currency
        yield Decimal128(value["amount"]) if is_own else None
    elif field.type == "multi_select":
        yield from value
    else:
        yield value


def unique_keys(
    fields: Iterable[CustomField], values: Mapping[str, Any]
) -> tuple[str, ...]:
    """``key:value`` for each value that no other record may have."""
    return tuple(
        f"{field.key}:{fold(value) if field.type == 'text' else value}"
        for field in fields
        if field.unique and (value := values.get(field.key)) is not None
    )


@dataclass(frozen=True)
class _CustomFilter(Field):
    """What may be asked of one custom field.

    Attributes:
        definition: The field itself.
    """

    definition: CustomField | None = None

    @property
    def operators(self) -> tuple[str, ...]:
        """Those of its kind; words inside of a text have no index."""
        return tuple(each for each in OPERATORS[self.kind] if each != "contains")

    def condition(self, name: str, operator: str, text: str, clock: Clock) -> Condition:
        """What ``filter[custom.key][operator]=text`` asks of a document.

        Raises:
            InvalidInputError: 400 ``field_not_indexed``.
            ConflictError: ``index_building``, ``index_failed``.
            ValueError: The text is no value of this kind.
        """
        key = name.removeprefix(_PREFIX)
        self._check_index(name)
        if operator == "exists":
            is_there = text == "true"
            if text not in {"true", "false"}:
                raise ValueError("true or false")
            return {f"{_INDEX}.k": {"$eq" if is_there else "$ne": key}}
        asked = super().condition(name, _DENIALS.get(operator, operator), text, clock)
        entry = {"$elemMatch": {"k": key, "v": asked[self.path_of(name)]}}
        if operator in _DENIALS:
            return {_INDEX: {"$not": entry}}
        # Said once more for the index, which has only records with entries.
        return {_INDEX: entry, f"{_INDEX}.k": {"$eq": key}}

    def _check_index(self, name: str) -> None:
        status = self.definition and self.definition.index_status
        if status is None:
            raise refuse(
                "field_not_indexed",
                f"filter[{name}]",
                "Lists do not find by this field: PATCH it with indexed true.",
            )
        if status == "failed":
            raise ConflictError(
                "index_failed",
                f"Records could not be made to be found by {name}: "
                "PATCH the field with indexed true to have it tried again.",
            )
        if status != "ready":
            raise ConflictError(
                "index_building",
                f"Records are still being made to be found by {name}; "
                "its index_status says when it is ready.",
            )

    def _parse(self, text: str, clock: Clock) -> Any:
        value = super()._parse(text, clock)
        if self.definition is None or self.definition.type != "number":
            return value
        number = float(value.to_decimal())
        if not math.isfinite(number):
            raise ValueError("a number of fifteen digits")
        return number


class Customized:
    """A repository of records with custom fields, before :class:`Searchable`."""

    fields: ClassVar[Mapping[str, Field]]
    resource: ClassVar[str]
    _database: Database[Document]
    _context: Context
    _rows: TenantRows

    def fields_for(self, parameters: Iterable[str]) -> Mapping[str, Field]:
        """The fields of its list; custom ones are looked up if a filter names one."""
        if not any(name.startswith(f"filter[{_PREFIX}") for name in parameters):
            return self.fields
        custom = CustomFieldRepository(self._database, self._context).of(self.resource)
        return {
            **self.fields,
            **{
                f"{_PREFIX}{each.key}": _CustomFilter(
                    _KINDS[each.type], definition=each
                )
                for each in custom
                if each.archived_at is None
            },
        }

    def index_custom(
        self,
        key: str,
        fields: Iterable[CustomField],
        *,
        by: str,
        after: Sequence[Any] | None,
        limit: int,
    ) -> tuple[int, list[Any] | None]:
        """Have records found by a field that is indexed by now, as far as they are not.

        A record that somebody changes meanwhile is left to them.

        Args:
            key: Of the field.
            fields: All definitions of the resource.
            by: ``created_at`` or ``updated_at``, in whose order to go.
            after: That and the id of the record to begin behind.
            limit: How many records to look at.

        Returns:
            How many were changed, and what to begin behind next time; None at
            the end.
        """
        behind: Document = {}
        if after is not None:
            at, record_id = after
            behind = {
                by: {"$gte": at},
                "$or": [{by: {"$gt": at}}, {by: at, "_id": {"$gt": record_id}}],
            }
        rows = self._rows.find(behind, [(by, 1), ("_id", 1)], limit, _UNNEEDED)
        currency = self._context.identified_caller.currency
        updates = [
            (
                {"_id": row["_id"], "version": row["version"]},
                {"$set": {_INDEX: list(found_by(fields, row["custom"], currency))}},
            )
            for row in rows
            if key in row.get("custom", ())
        ]
        changed = self._rows.update_each(updates) if updates else 0
        last = [rows[-1][by], rows[-1]["_id"]] if len(rows) == limit else None
        return changed, last

    def path_to_match(self, name: str) -> str:
        """Where the values are that an upsert finds a record by."""
        return _KEYS if name.startswith(_PREFIX) else self.fields[name].path_of(name)

    @staticmethod
    def name_of_key(path: str, value: Any) -> str:
        """What clients call the field whose unique value is taken."""
        if path == _KEYS:
            return f"{_PREFIX}{str(value).partition(':')[0]}"
        return "external_ids" if path == "external_keys" else path
