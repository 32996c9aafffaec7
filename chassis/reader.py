"""Versioned records of one organization, as they are found and listed."""

from collections.abc import Collection as Names
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar
from zoneinfo import ZoneInfo

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from chassis.context import Context
from chassis.cursors import own_seal
from chassis.documents import field_names, value_of
from chassis.errors import NotFoundError
from chassis.fields import Clock, Field
from chassis.listing import find_page
from chassis.mongo import Collection, Document
from chassis.query import Listing, Page, Query, compile_query, value_at
from chassis.records import Record, access_list
from chassis.restrictions import is_among
from chassis.rows import TenantRows
from chassis.views import bare
from chassis.visibility import reaches

__all__ = ["Entity", "Reader"]

_MOST_MATCHES: Final = 5_000
# How long MongoDB may count: filters that exclude each other have it read
# every record that one of them finds.
_PATIENCE_S: Final = 1.5

Entity = TypeVar("Entity", bound=Record)


class Reader(Generic[Entity]):
    """Finds the records of one kind, in one organization, that the caller may see.

    Subclasses name their collection and how a document becomes a value.
    """

    collection: ClassVar[Collection]
    noun: ClassVar[str]
    resource: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    entity: ClassVar[type[Any]]
    # Orders by several fields that an index serves.
    orders: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # Used where the client gives none.
    default_sort: ClassVar[str] = "-created_at"
    # Whether the caller's rights to the resource narrow what is found.
    is_narrowed: ClassVar[bool] = True
    # What is asked of records that are not archived. Null cannot be told by an
    # index; a collection whose indexes cover ``is_live`` asks for that.
    live: ClassVar[Mapping[str, Any]] = {"archived_at": None}

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._database = database
        self._rows = TenantRows(database[self.collection.name], context)

    def permission(self, action: str) -> str:
        """What somebody needs to do something with these records."""
        return f"{self.resource}:{action}"

    @property
    def hidden_fields(self) -> frozenset[str]:
        """What the caller may not see of these records."""
        caller = self._context.caller
        return frozenset() if caller is None else caller.hidden_fields(self.resource)

    def restore(self, document: Document) -> Entity:
        """Build the value that ``document`` keeps."""
        names = field_names(self.entity)  # type: ignore[arg-type]
        stored = {name: value_of(document[name]) for name in names if name in document}
        return self.entity(id=document["_id"], **stored)  # type: ignore[no-any-return]

    def find(self, record_id: str) -> Entity | None:
        """The record, archived or not, whatever the caller may see of it."""
        document = self._rows.find_one({"_id": record_id})
        return None if document is None else self.restore(document)

    def existing(self, record_ids: Names[str]) -> set[str]:
        """Those ids that records have, archived or not, whoever may see them."""
        rows = self._rows.find(
            {"_id": {"$in": list(record_ids)}}, [("_id", 1)], len(record_ids)
        )
        return {row["_id"] for row in rows}

    def get(self, record_id: str) -> Entity:
        """The record, if it is live and the caller may read it.

        Raises:
            NotFoundError: ``<noun>_not_found``.
        """
        conditions = {"_id": record_id, "archived_at": None, **self._rights("read")}
        return self.restore(self._found(self._rows.find_one(conditions)))

    def is_readable(self, entity: Entity) -> bool:
        """Whether the caller may read a record that they may change."""
        caller = self._context.caller
        if caller is None or not self.is_narrowed:
            return True
        return reaches(caller, self.permission("read"), access_list(entity))

    def told(self, entity: Entity, view: dict[str, Any]) -> dict[str, Any]:
        """What a change is answered with: to write does not imply to read.

        Args:
            entity: The record as it is now.
            view: What of it the caller may see if they may read it.
        """
        told: dict[str, Any] = view if self.is_readable(entity) else bare(view)
        return told

    def document(self, record_id: str) -> Document:
        """The record as it is stored, archived or not, if the caller may read it.

        Raises:
            NotFoundError: ``<noun>_not_found``.
        """
        conditions = {"_id": record_id, **self._rights("read")}
        return self._found(self._rows.find_one(conditions))

    def page(
        self,
        parameters: Mapping[str, str],
        view_fields: Names[str],
        within: Mapping[str, Any] | None = None,
    ) -> Page[Entity]:
        """One page of the records that the caller may read.

        Archived ones are left out unless ``filter[archived_at]`` asks.

        Args:
            parameters: Those of the list grammar, as they came.
            view_fields: What ``fields=`` may name.
            within: What is asked of records besides, in a list that is a part
                of another; an index has to serve it.

        Raises:
            InvalidInputError: See ``chassis.query.compile_query``.
        """
        listing = Listing(
            fields=self.shown_fields(parameters),
            view_fields=frozenset(view_fields) - self.hidden_fields,
            scope=f"{self._rows.org_id}\n{self.collection.name}\n{within or ''}",
            orders=self.orders,
            default_sort=self.default_sort,
        )
        query = compile_query(parameters, listing, self._clock, own_seal())
        is_asked = any(name.startswith("filter[archived_at]") for name in parameters)
        live = {} if is_asked else self.live
        part = dict(within or {})
        conditions = {**live, **query.conditions, **part, **self._rights("read")}
        documents, next_cursor = find_page(
            self._rows, query, conditions, self.collection.indexes
        )
        return Page(
            items=[self.restore(document) for document in documents],
            next_cursor=next_cursor,
            fields=query.fields,
            with_count=query.with_count,
            count=self._count(query, conditions, part) if query.with_count else None,
        )

    def reachable(self, record_ids: Names[str]) -> set[str]:
        """Which of these are live records that the caller may read."""
        asked = {**self.readable(), "_id": {"$in": list(record_ids)}}
        rows = self._rows.find(asked, [("_id", 1)], _MOST_MATCHES, only=("_id",))
        return {row["_id"] for row in rows}

    def readable(self) -> Document:
        """What is asked of a live record for the caller to read it."""
        return {**self.live, **self._rights("read")}

    def shown_fields(self, parameters: Names[str]) -> Mapping[str, Field]:
        """What lists may be asked by: nothing that the caller may not see."""
        fields, hidden = self.fields_for(parameters), self.hidden_fields
        if not hidden:
            return fields
        return {
            name: each for name, each in fields.items() if not is_among(name, hidden)
        }

    def fields_for(self, parameters: Names[str]) -> Mapping[str, Field]:  # noqa: ARG002
        """What may be asked by these parameters; some fields may be nobody else's."""
        return self.fields

    def path_to_match(self, name: str) -> str:
        """Where the values are that ``match`` finds records by."""
        return self.fields[name].path_of(name)

    def _count(self, query: Query, conditions: Document, part: Document) -> int | None:
        """How many there are of what is asked; None if that takes too long.

        Where nothing is asked, all indexes look alike to MongoDB, and it may
        take the one with fifty entries for each record.
        """
        is_narrowed = query.conditions or part or self._rights("read")
        keys = () if is_narrowed else self._keys_by(self.default_sort.removeprefix("-"))
        try:
            with pymongo.timeout(_PATIENCE_S):
                return self._rows.count(conditions, keys=keys)
        except PyMongoError as error:
            if not error.timeout:
                raise
        return None

    def _keys_by(self, field: str) -> Sequence[tuple[str, int]]:
        """The keys of the index that has all records in the order of a field."""
        beginning = (("org_id", 1), (field, 1))
        return next(
            (
                index.keys
                for index in self.collection.indexes
                if index.keys[:2] == beginning and index.partial is None
            ),
            (),
        )

    @property
    def _clock(self) -> Clock:
        caller, now = self._context.caller, self._context.now()
        return Clock(now, ZoneInfo("UTC")) if caller is None else Clock.of(now, caller)

    def match(self, name: str, values: Names[str]) -> dict[str, list[str]]:
        """Which live records have which of ``values`` in the list field ``name``.

        Of whomever they are: that a value is taken is no secret.

        Returns:
            Ids by value.
        """
        path = self.path_to_match(name)
        conditions = {path: {"$in": list(values)}, "archived_at": None}
        found: dict[str, list[str]] = {}
        for row in self._rows.find(conditions, [("_id", 1)], _MOST_MATCHES):
            stored = value_at(row, path)
            for value in [stored] if isinstance(stored, str) else stored:
                found.setdefault(value, []).append(row["_id"])
        return found

    def _rights(self, action: str) -> Document:
        caller = self._context.caller
        if caller is None or not self.is_narrowed:
            return {}
        return caller.predicate(self.permission(action))

    def _found(self, document: Document | None) -> Document:
        if document is None:
            raise NotFoundError(
                f"{self.noun}_not_found", f"There is no such {self.noun}."
            )
        return document
