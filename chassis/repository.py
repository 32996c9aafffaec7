"""Versioned records of one organization, stored together with their events.

The base of every ``svc_*/repository.py``. A change and its event are one
write: the event waits in the record's ``pending_events`` until the outbox
relay has moved it to the event log, so that neither exists without the other.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any, ClassVar, Final

import orjson
from pymongo.errors import DuplicateKeyError

from chassis.documents import document_of
from chassis.effects import Effect
from chassis.errors import ConflictError, UnavailableError, VersionConflictError
from chassis.events import Envelope, Event, changes_between, envelope, wire_time
from chassis.fields import search_keys
from chassis.giving_way import attempts, too_many_writers
from chassis.history import History
from chassis.mongo import Document
from chassis.reader import Entity, Reader
from chassis.records import access_list, changed_at
from chassis.restrictions import is_among

__all__ = ["PENDING_CAP", "Addition", "Repository"]

PENDING_CAP: Final = 1_000
_REMEMBERED_OPERATIONS: Final = 10

# A new record, its event, and its place in the operation.
Addition = tuple[Entity, Event | None, str | None]


class Repository(Reader[Entity]):
    """Stores records of one kind; see ``Reader`` for what subclasses name."""

    # Keys that a record without such a value must not have, for a unique index.
    sparse_keys: ClassVar[frozenset[str]] = frozenset()
    schema_version: ClassVar[int] = 1

    def index_fields(self, entity: Entity) -> Document:  # noqa: ARG002 - a hook
        """What is stored besides the value itself, for an index to find."""
        return {}

    @property
    def history(self) -> History:
        """What became of the organization's records."""
        return History(self._database, self._context)

    def shown_changes(
        self,
        record: Entity,  # noqa: ARG002 - a hook
        changes: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Mapping[str, Any]]:
        """What the caller may see of changes to a record.

        Args:
            record: As it is, or was at some time.
            changes: By field, each with the values that it had at several times,
                as in ``{"from": …, "to": …}``.
        """
        hidden = self.hidden_fields
        return {
            name: values
            for name, values in changes.items()
            if not is_among(name, hidden)
        }

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
        is_archived: bool | None = False,
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
            is_archived: Look for an archived record instead of a live one; None
                for either.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            VersionConflictError: ``version_conflict``; the details hold the
                ``conflicts``, ``{field: {original, current, yours}}``, of a
                record that the caller may not read without these values.
            ConflictError: ``too_many_writers``, or what ``change`` raises.
            UnavailableError: ``outbox_full``.
        """
        conditions = {"_id": record_id, **self._changeable(is_archived=is_archived)}
        # A transaction has locked what others may wait for in the queue.
        is_queued = self._context.session is None
        tries = attempts(record_id, self._context.deadline, is_queued=is_queued)
        with closing(tries):
            for _ in tries:
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
        raise too_many_writers()

    def _changeable(self, *, is_archived: bool | None) -> Document:
        """What is asked of records that the caller may change."""
        archived = {"archived_at": {"$ne": None} if is_archived else None}
        return {
            **({} if is_archived is None else archived),
            **self._rights("write"),
        }

    def _refuse_clashes(
        self, document: Document, before: Entity, after: Entity, version: int | None
    ) -> None:
        """Refuse a change of what others changed since ``version``; all if None."""
        clashes = (
            None
            if version is None
            else self.history.clashes(document, changes_between(before, after), version)
        )
        if clashes is None or clashes:
            told = self.shown_changes(before, clashes or {})
            if not self.is_readable(before):
                told = {name: {} for name in told}
            raise VersionConflictError(
                "version_conflict",
                f"The {self.noun} is at version {before.version} by now.",
                orjson.dumps({"conflicts": told}).decode(),
            )

    def save(self, entity: Entity, event: Event | None = None) -> Entity | None:
        """Store a changed record and queue its event in one write.

        Returns:
            The stored record, its ``version`` one higher; None if another
            writer stored it since ``entity`` was read.

        Raises:
            UnavailableError: ``outbox_full``: a thousand of its events wait.
        """
        try:
            document = self._rows.update(*self._update_of(entity, event))
        except DuplicateKeyError as error:
            raise self._taken(error) from None
        if document is None:
            self._refuse_if_full(entity.id)
            return None
        return self._noted(document)

    def _update_of(
        self, entity: Entity, event: Event | None, known: Document | None = None
    ) -> tuple[Document, Document]:
        """What a record must match to be stored, and the update that does it.

        Where the stored document is ``known``, it sets only what is other there.
        """
        sequence = entity.sequence + (event is not None)
        content = self._content(entity)
        unset = dict.fromkeys(self.sparse_keys - content.keys(), "")
        if known is not None:
            unset = {name: "" for name in unset if name in known}
            content = {
                name: value
                for name, value in content.items()
                if name not in known or known[name] != value
            }
        update: Document = {
            "$unset": unset,
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
        return conditions, update

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
        moment = changed_at(entity)
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
            "record_updated_at": None if moment is None else wire_time(moment),
            "step": self._context.part,
            **self._origin(),
        }

    def _origin(self) -> Document:
        origin = asdict(self._context.origin)
        return {"origin": origin} if any(origin.values()) else {}

    def _added_before(self, record_id: str, error: DuplicateKeyError) -> Document:
        existing = self._rows.find_one({"_id": record_id})
        if existing is None:
            raise self._taken(error) from None
        if not self._is_done(existing):
            raise ConflictError(f"{self.noun}_exists", f"The {self.noun} is there.")
        return existing

    def _is_done(self, document: Document) -> bool:
        """Whether this operation has changed or made the record before.

        The record remembers the last few operations. That is enough for one
        that is tried again at once, but not if others went on changing the
        record meanwhile; the log knows all of them.
        """
        if self._remembers(document):
            return True
        # An event leaves the record only when the log has it, so that the log
        # is to be read after the record.
        is_repeated = self._context.is_repeated
        return is_repeated and self.history.has_own_event(document["_id"])

    def done(self, record_id: str) -> Entity | None:
        """The record, if this operation has changed it, and nobody heard of that."""
        document = self._rows.find_one({"_id": record_id})
        if document is None or not self._is_done(document):
            return None
        return self._noted(document)

    def _remembers(self, document: Document) -> bool:
        """Whether the record itself still knows of a change of this operation."""
        own = self._context.operation_id, self._context.part
        return self._context.step_id in document["operations"] or any(
            (each["operation_id"], each.get("step")) == own
            for each in document.get("pending_events", ())
        )

    def _done_before(self, record_id: str, document: Document | None) -> Document:
        """The record that this operation has changed already.

        It may have left the conditions by that, as an archived record does.
        """
        if document is None:
            document = self._rows.find_one({"_id": record_id, **self._rights("write")})
            if document is not None and not self._is_done(document):
                document = None
        return self._found(document)

    @staticmethod
    def name_of_key(path: str, value: Any) -> str:  # noqa: ARG004 - a hook
        """What clients call the field that has a unique value under ``path``."""
        return path

    def _taken(self, error: DuplicateKeyError) -> ConflictError:
        taken = dict((error.details or {}).get("keyValue", {}))
        taken.pop("org_id", None)
        names = [self.name_of_key(path, value) for path, value in taken.items()]
        errors = [{"field": name, "code": "duplicate_value"} for name in names]
        return ConflictError(
            "duplicate_value",
            f"Another record has this {' and '.join(names) or 'value'}.",
            orjson.dumps({"errors": errors}).decode(),
        )

    @property
    def _currency(self) -> str | None:
        caller = self._context.caller
        return None if caller is None else caller.currency
