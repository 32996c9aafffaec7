"""Versioned records of one organization, stored together with their events.

The base of every ``svc_*/repository.py``. A change and its event are one
write: the event waits in the record's ``pending_events`` until the outbox
relay has moved it to the event log, so that neither exists without the other.
"""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from bson import Decimal128
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
    VersionConflictError,
)
from chassis.events import Envelope, Event, envelope
from chassis.money import Money
from chassis.mongo import Collection, Document, TenantRows
from chassis.outbox import EVENT_LOG
from chassis.query import Field, Page, compile_query

__all__ = ["Record", "Repository", "document_of"]

PENDING_CAP: Final = 1_000
_REMEMBERED_OPERATIONS: Final = 10
_WRITE_ATTEMPTS: Final = 5


class Record(Protocol):
    """What every aggregate has; domain classes have it by shape."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def sequence(self) -> int: ...  # noqa: D102
    @property
    def owner_id(self) -> str | None: ...  # noqa: D102
    @property
    def team_ids(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def archived_at(self) -> datetime | None: ...  # noqa: D102


Entity = TypeVar("Entity", bound=Record)


class Repository(Generic[Entity]):
    """The records of one kind, in one organization, that the caller may see.

    Subclasses name their collection and how a document becomes a value.
    """

    collection: ClassVar[Collection]
    noun: ClassVar[str]
    resource: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    entity: ClassVar[type[Any]]
    schema_version: ClassVar[int] = 1

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._database = database
        self._rows = TenantRows(database[self.collection.name], context)

    def restore(self, document: Document) -> Entity:
        """Build the value that ``document`` keeps."""
        names = {field.name for field in dataclasses.fields(self.entity)}
        stored = {name: _value(document[name]) for name in names & document.keys()}
        return self.entity(id=document["_id"], **stored)  # type: ignore[no-any-return]

    def index_fields(self, entity: Entity) -> Document:  # noqa: ARG002 - a hook
        """What is stored besides the value itself, for an index to find."""
        return {}

    def find(self, record_id: str) -> Entity | None:
        """The record, archived or not, whatever the caller may see of it."""
        document = self._rows.find_one({"_id": record_id})
        return None if document is None else self.restore(document)

    def get(self, record_id: str) -> Entity:
        """The record, if it is live and the caller may read it.

        Raises:
            NotFoundError: ``<noun>_not_found``.
        """
        conditions = {"_id": record_id, "archived_at": None, **self._rights("read")}
        return self.restore(self._found(self._rows.find_one(conditions)))

    def page(self, parameters: Mapping[str, str]) -> Page[Entity]:
        """One page of the records that the caller may read.

        Archived ones are left out unless ``filter[archived_at]`` asks.

        Raises:
            InvalidInputError: See ``chassis.query.compile_query``.
        """
        names = frozenset(field.name for field in dataclasses.fields(self.entity))
        query = compile_query(parameters, self.fields, names)
        conditions = {"archived_at": None, **query.conditions, **self._rights("read")}
        paged = (
            conditions if query.after is None else {"$and": [conditions, query.after]}
        )
        documents = self._rows.find(paged, query.sort, query.limit + 1)
        has_more = len(documents) > query.limit
        documents = documents[: query.limit]
        return Page(
            items=[self.restore(document) for document in documents],
            next_cursor=query.cursor_after(documents[-1]) if has_more else None,
            fields=query.fields,
            count=self._rows.count(conditions) if query.with_count else None,
        )

    def add(self, entity: Entity, event: Event | None = None) -> Entity:
        """Store a new record and queue its event in one write.

        Adding it again in the course of the same operation (a request that
        was delivered twice) changes nothing and returns what is stored.

        Raises:
            ConflictError: ``<noun>_exists`` or ``duplicate_value``.
        """
        document = {
            **document_of(entity, self._currency),
            **self.index_fields(entity),
            "_id": entity.id,
            "schema_version": self.schema_version,
            "acl": _acl(entity),
            "version": 1,
            "sequence": 0,
            "operations": [self._context.operation_id],
        }
        if event is not None:
            document |= {
                "sequence": 1,
                "pending_events": [self._pending(entity, event, 1)],
                "pending_at": self._context.now(),
            }
        try:
            self._rows.insert(document)
        except DuplicateKeyError as error:
            return self.restore(self._added_before(entity.id, error))
        return self.restore(document)

    def change(
        self,
        record_id: str,
        change: Callable[[Entity], Entity],
        describe: Callable[[Entity, Entity], Event | None],
        *,
        expected_version: int | None = None,
        is_archived: bool = False,
    ) -> Entity:
        """Read a record, change it and store it with its event in one write.

        Without ``expected_version`` the change is made again on top of what
        another writer stored meanwhile: the last writer wins field by field.
        A change that changes nothing stores nothing and announces nothing;
        so does one that this operation has made before.

        Args:
            record_id: Which record.
            change: From the old value to the new one.
            describe: The event, from the old and the new value.
            expected_version: The version that the caller saw, if it cares.
            is_archived: Look for an archived record instead of a live one.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            VersionConflictError: ``version_conflict``.
            ConflictError: ``too_many_writers``, or what ``change`` raises.
            UnavailableError: ``outbox_full``.
        """
        conditions = {
            "_id": record_id,
            "archived_at": {"$ne": None} if is_archived else None,
            **self._rights("write"),
        }
        for _ in range(_WRITE_ATTEMPTS):
            document = self._rows.find_one(conditions)
            if document is None or self._is_done(document):
                return self.restore(self._done_before(record_id, document))
            before: Entity = self.restore(document)
            if expected_version not in {None, before.version}:
                raise VersionConflictError(
                    "version_conflict",
                    f"The {self.noun} is at version {before.version} by now.",
                )
            after = change(before)
            if after == before:
                return before
            stored = self.save(after, describe(before, after))
            if stored is not None:
                return stored
        raise ConflictError("too_many_writers", "Too many changes at once; try again.")

    def save(self, entity: Entity, event: Event | None = None) -> Entity | None:
        """Store a changed record and queue its event in one write.

        Returns:
            The stored record, its ``version`` one higher; None if another
            writer stored it since ``entity`` was read.

        Raises:
            UnavailableError: ``outbox_full``: a thousand of its events wait.
        """
        sequence = entity.sequence + (event is not None)
        update: Document = {
            "$set": {
                **document_of(entity, self._currency),
                **self.index_fields(entity),
                "acl": _acl(entity),
                "version": entity.version + 1,
                "sequence": sequence,
            },
            "$push": {
                "operations": {
                    "$each": [self._context.operation_id],
                    "$slice": -_REMEMBERED_OPERATIONS,
                }
            },
        }
        if event is not None:
            update["$push"]["pending_events"] = self._pending(entity, event, sequence)
            update["$min"] = {"pending_at": self._context.now()}
        conditions = {
            "_id": entity.id,
            "version": entity.version,
            f"pending_events.{PENDING_CAP - 1}": {"$exists": False},
        }
        try:
            document = self._rows.update(conditions, update)
        except DuplicateKeyError as error:
            raise _taken(error) from None
        if document is None:
            self._refuse_if_full(entity.id)
            return None
        return self.restore(document)

    def _refuse_if_full(self, record_id: str) -> None:
        last = f"pending_events.{PENDING_CAP - 1}"
        if self._rows.find_one({"_id": record_id, last: {"$exists": True}}):
            raise UnavailableError("outbox_full", "Too many events of it wait.")

    def _pending(self, entity: Entity, event: Event, sequence: int) -> Document:
        self._context.has_events = True
        pending: Envelope = envelope(
            event,
            {"type": self.noun, "id": entity.id},
            sequence,
            {"owner_id": entity.owner_id, "acl": _acl(entity)},
            self._context,
        )
        return {
            **pending,
            "changes": dict(event.changes),
            "personal": sorted(event.personal),
            "subject_id": event.subject_id,
        }

    def _added_before(self, record_id: str, error: DuplicateKeyError) -> Document:
        existing = self._rows.find_one({"_id": record_id})
        if existing is None:
            raise _taken(error) from None
        if not self._is_done(existing):
            raise ConflictError(f"{self.noun}_exists", f"The {self.noun} is there.")
        return existing

    def _is_done(self, document: Document) -> bool:
        """Whether this operation has changed or made the record before.

        The record remembers the last few operations. That is enough for one
        that is tried again at once, but not if others went on changing the
        record meanwhile; the log knows all of them.
        """
        operation_id = self._context.operation_id
        if operation_id in document["operations"]:
            return True
        # An event leaves the record only when the log has it, so that the log
        # is to be read after the record.
        waiting = (each["operation_id"] for each in document.get("pending_events", ()))
        return self._context.is_repeated and (
            operation_id in waiting or self._is_logged(document["_id"], operation_id)
        )

    def _is_logged(self, record_id: str, operation_id: str) -> bool:
        log = TenantRows(self._database[EVENT_LOG.name], self._context)
        event = {"aggregate.id": record_id, "operation_id": operation_id}
        return log.find_one(event) is not None

    def _done_before(self, record_id: str, document: Document | None) -> Document:
        """The record that this operation has changed already.

        It may have left the conditions by that, as an archived record does.
        """
        if document is None:
            document = self._rows.find_one({"_id": record_id, **self._rights("write")})
            if document is not None and not self._is_done(document):
                document = None
        return self._found(document)

    def _rights(self, action: str) -> Document:
        caller = self._context.caller
        return {} if caller is None else caller.predicate(f"{self.resource}:{action}")

    def _found(self, document: Document | None) -> Document:
        if document is None:
            raise NotFoundError(
                f"{self.noun}_not_found", f"There is no such {self.noun}."
            )
        return document

    @property
    def _currency(self) -> str | None:
        caller = self._context.caller
        return None if caller is None else caller.currency


def _taken(error: DuplicateKeyError) -> ConflictError:
    pattern = (error.details or {}).get("keyPattern", {})
    names = [name for name in pattern if name != "org_id"]
    return ConflictError(
        "duplicate_value", f"Another record has this {' and '.join(names) or 'value'}."
    )


def _acl(entity: Record) -> list[str]:
    return [name for name in (entity.owner_id, *entity.team_ids) if name]


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


def _value(stored: Any) -> Any:
    if isinstance(stored, list):
        return tuple(_value(item) for item in stored)
    if isinstance(stored, Decimal128):
        return stored.to_decimal()
    if isinstance(stored, dict) and stored.keys() == {
        "amount",
        "currency",
        "amount_base",
    }:
        return Money(stored["amount"].to_decimal(), stored["currency"])
    return stored
