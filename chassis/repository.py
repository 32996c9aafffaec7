"""Versioned records of one organization, stored together with their events.

The base of every ``svc_*/repository.py``. A change and its event are one
write: the event waits in the record's ``pending_events`` until the outbox
relay has moved it to the event log, so that neither exists without the other.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Names
from typing import Any, ClassVar, Final, Generic, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.cursors import own_seal
from chassis.documents import document_of, field_names, value_of
from chassis.effects import Effect
from chassis.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
    VersionConflictError,
)
from chassis.events import Envelope, Event, changes_between, envelope
from chassis.fields import Clock, Field, search_keys
from chassis.history import History
from chassis.listing import find_page
from chassis.mongo import Collection, Document, TenantRows
from chassis.query import Listing, Page, Query, compile_query, value_at
from chassis.records import Record, access_list

__all__ = ["Addition", "Repository"]

PENDING_CAP: Final = 1_000
_REMEMBERED_OPERATIONS: Final = 10
_WRITE_ATTEMPTS: Final = 25
_MOST_MATCHES: Final = 5_000


Entity = TypeVar("Entity", bound=Record)


# A new record, its event, and its place in the operation.
Addition = tuple[Entity, Event | None, str | None]


class Repository(Generic[Entity]):
    """The records of one kind, in one organization, that the caller may see.

    Subclasses name their collection and how a document becomes a value.
    """

    collection: ClassVar[Collection]
    noun: ClassVar[str]
    resource: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    entity: ClassVar[type[Any]]
    # Keys that a record without such a value must not have, for a unique index.
    sparse_keys: ClassVar[frozenset[str]] = frozenset()
    # Orders by several fields that an index serves.
    orders: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # What is asked of records that are not archived. Null cannot be told by an
    # index; a collection whose indexes cover ``is_live`` asks for that.
    live: ClassVar[Mapping[str, Any]] = {"archived_at": None}
    schema_version: ClassVar[int] = 1

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._database = database
        self._rows = TenantRows(database[self.collection.name], context)

    def restore(self, document: Document) -> Entity:
        """Build the value that ``document`` keeps."""
        names = field_names(self.entity)  # type: ignore[arg-type]
        stored = {name: value_of(document[name]) for name in names if name in document}
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

    def page(
        self, parameters: Mapping[str, str], view_fields: Names[str]
    ) -> Page[Entity]:
        """One page of the records that the caller may read.

        Archived ones are left out unless ``filter[archived_at]`` asks.

        Args:
            parameters: Those of the list grammar, as they came.
            view_fields: What ``fields=`` may name.

        Raises:
            InvalidInputError: See ``chassis.query.compile_query``.
        """
        listing = Listing(
            fields=self.fields,
            view_fields=frozenset(view_fields),
            scope=f"{self._rows.org_id}\n{self.collection.name}",
            orders=self.orders,
        )
        query = compile_query(parameters, listing, self._clock, own_seal())
        is_asked = any(name.startswith("filter[archived_at]") for name in parameters)
        live = {} if is_asked else self.live
        conditions = {**live, **query.conditions, **self._rights("read")}
        documents, next_cursor = find_page(self._rows, query, conditions)
        return Page(
            items=[self.restore(document) for document in documents],
            next_cursor=next_cursor,
            fields=query.fields,
            count=self._count(query, conditions) if query.with_count else None,
        )

    def _count(self, query: Query, conditions: Document) -> int:
        """How many there are of what is asked.

        Where nothing is, all indexes look alike to MongoDB, and it may take
        the one with fifty entries for each record.
        """
        if query.conditions or self._rights("read"):
            return self._rows.count(conditions)
        return self._rows.count(conditions, keys=self._keys_by("created_at"))

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
        caller = self._context.caller
        zone = "UTC" if caller is None else caller.time_zone
        return Clock(self._context.now(), ZoneInfo(zone))

    def match(self, name: str, values: Names[str]) -> dict[str, list[str]]:
        """Which live records have which of ``values`` in the list field ``name``.

        Of whomever they are: that a value is taken is no secret.

        Returns:
            Ids by value.
        """
        path = self.fields[name].path_of(name)
        conditions = {path: {"$in": list(values)}, "archived_at": None}
        found: dict[str, list[str]] = {}
        for row in self._rows.find(conditions, [("_id", 1)], _MOST_MATCHES):
            stored = value_at(row, path)
            for value in [stored] if isinstance(stored, str) else stored:
                found.setdefault(value, []).append(row["_id"])
        return found

    def add(self, entity: Entity, event: Event | None = None) -> Entity:
        """Store a new record and queue its event in one write.

        Adding it again in the course of the same operation (a request that
        was delivered twice) changes nothing and returns what is stored.

        Raises:
            ConflictError: ``<noun>_exists`` or ``duplicate_value``.
        """
        document = self._new(entity, event)
        try:
            self._rows.insert(document)
        except DuplicateKeyError as error:
            document = self._added_before(entity.id, error)
        return self._noted(document)

    def add_all(
        self, additions: Sequence[Addition[Entity]]
    ) -> list[Entity | ConflictError]:
        """Store new records, each with its event, in one message.

        Returns:
            In the order given: the record, or why it could not be added; see
            ``add``.
        """
        documents = []
        for entity, event, step in additions:
            self._context.step = step
            documents.append(self._new(entity, event))
        taken = self._rows.insert_many(documents) if documents else {}
        added: list[Entity | ConflictError] = []
        for place, document in enumerate(documents):
            try:
                self._context.step = additions[place][2]
                stored = (
                    self._added_before(document["_id"], taken[place])
                    if place in taken
                    else document
                )
                added.append(self._noted(stored))
            except ConflictError as refusal:
                added.append(refusal)
        return added

    def _new(self, entity: Entity, event: Event | None) -> Document:
        document = {
            **self._content(entity),
            "_id": entity.id,
            "schema_version": self.schema_version,
            "version": 1,
            "sequence": 0,
            "operations": [self._context.step_id],
        }
        if event is not None:
            document |= {
                "sequence": 1,
                "pending_events": [self._pending(entity, event, 1, 1)],
                "pending_at": self._context.now(),
            }
        return document

    def change(
        self,
        record_id: str,
        change: Callable[[Entity], Entity],
        describe: Callable[[Entity, Entity], Event | None],
        *,
        expected_version: int | None = None,
        is_mergeable: bool = False,
        is_archived: bool = False,
    ) -> Entity:
        """Read a record, change it and store it with its event in one write.

        Without ``expected_version`` the change is made again on top of what
        another writer stored meanwhile: the last writer wins field by field.
        With one, a mergeable change is made on top of what others stored as
        long as they changed other fields.
        A change that changes nothing stores nothing and announces nothing;
        so does one that this operation has made before.

        Args:
            record_id: Which record.
            change: From the old value to the new one.
            describe: The event, from the old and the new value.
            expected_version: The version that the caller saw, if it cares.
            is_mergeable: Whether it may be made on top of a later version.
            is_archived: Look for an archived record instead of a live one.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            VersionConflictError: ``version_conflict``; the details hold the
                ``conflicts``, ``{field: {original, current, yours}}``.
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
                return self._noted(self._done_before(record_id, document))
            before: Entity = self.restore(document)
            after = change(before)
            if expected_version not in {None, before.version}:
                seen = expected_version if is_mergeable else None
                self._refuse_clashes(document, before, after, seen)
            if after == before:
                return before
            stored = self.save(after, describe(before, after))
            if stored is not None:
                return stored
        raise ConflictError("too_many_writers", "Too many changes at once; try again.")

    def _refuse_clashes(
        self, document: Document, before: Entity, after: Entity, version: int | None
    ) -> None:
        """Refuse a change of what others changed since ``version``; all if None."""
        history = History(self._database, self._context)
        clashes = (
            None
            if version is None
            else history.clashes(document, changes_between(before, after), version)
        )
        if clashes is None or clashes:
            raise VersionConflictError(
                "version_conflict",
                f"The {self.noun} is at version {before.version} by now.",
                orjson.dumps({"conflicts": clashes or {}}).decode(),
            )

    def save(self, entity: Entity, event: Event | None = None) -> Entity | None:
        """Store a changed record and queue its event in one write.

        Returns:
            The stored record, its ``version`` one higher; None if another
            writer stored it since ``entity`` was read.

        Raises:
            UnavailableError: ``outbox_full``: a thousand of its events wait.
        """
        sequence = entity.sequence + (event is not None)
        content = self._content(entity)
        update: Document = {
            "$unset": dict.fromkeys(self.sparse_keys - content.keys(), ""),
            "$set": {
                **content,
                "schema_version": self.schema_version,
                "version": entity.version + 1,
                "sequence": sequence,
            },
            "$push": {
                "operations": {
                    "$each": [self._context.step_id],
                    "$slice": -_REMEMBERED_OPERATIONS,
                }
            },
        }
        if event is not None:
            update["$push"]["pending_events"] = self._pending(
                entity, event, sequence, entity.version + 1
            )
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
        return self._noted(document)

    def _noted(self, document: Document) -> Entity:
        """The record that this operation stored, now or when it was tried before."""
        effect = Effect(document["_id"], document["version"], document["sequence"])
        self._context.effects[effect.record_id] = effect
        return self.restore(document)

    def _content(self, entity: Entity) -> Document:
        """An entity's values, and what is kept beside them to find it by."""
        values = document_of(entity, self._currency)
        keys = self.keys_of(entity, values)
        return {**values, **keys, "acl": access_list(entity)}

    def keys_of(self, entity: Entity, values: Document) -> Document:
        """What follows from an entity's stored values and is kept to find it by."""
        keys = {"is_live": entity.archived_at is None, **self.index_fields(entity)}
        return keys | search_keys(self.fields, values | keys)

    def _refuse_if_full(self, record_id: str) -> None:
        last = f"pending_events.{PENDING_CAP - 1}"
        if self._rows.find_one({"_id": record_id, last: {"$exists": True}}):
            raise UnavailableError("outbox_full", "Too many events of it wait.")

    def _pending(
        self, entity: Entity, event: Event, sequence: int, version: int
    ) -> Document:
        self._context.has_events = True
        pending: Envelope = envelope(
            event,
            {"type": self.noun, "id": entity.id},
            sequence,
            {"owner_id": entity.owner_id, "acl": access_list(entity)},
            self._context,
        )
        return {
            **pending,
            "changes": dict(event.changes),
            "personal": sorted(event.personal),
            "subject_id": event.subject_id,
            "record_version": version,
            "step": self._context.step,
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
        if self._context.step_id in document["operations"]:
            return True
        if not self._context.is_repeated:
            return False
        own = self._context.operation_id, self._context.step
        # An event leaves the record only when the log has it, so that the log
        # is to be read after the record.
        return any(
            (each["operation_id"], each.get("step")) == own
            for each in document.get("pending_events", ())
        ) or History(self._database, self._context).has_own_event(document["_id"])

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
