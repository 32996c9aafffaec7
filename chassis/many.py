"""Records that are found and changed by the hundred, as long work does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Generic, Protocol, cast

import pymongo
from pymongo.errors import PyMongoError

from chassis.cursors import own_seal
from chassis.errors import WireError
from chassis.event_log import PENDING_INDEX
from chassis.events import Event
from chassis.fields import Clock
from chassis.listing import find_page
from chassis.mongo import Document
from chassis.query import Listing, Query, compile_query
from chassis.reader import Entity
from chassis.repository import Repository
from chassis.resources import Records

__all__ = ["Changed", "ManyRepository", "Untied", "many"]

_PAGE: Final = 200
_BACKLOG: Final = 1_000
_COUNTING_S: Final = 3.0

Change = Callable[[Entity], Entity]
Describe = Callable[[Entity, Entity], Event | None]


@dataclass(frozen=True)
class Changed(Generic[Entity]):
    """A record behind a change, and whether the change made it another one."""

    record: Entity
    is_changed: bool


Outcomes = dict[str, Changed[Entity] | WireError]
Saves = dict[str, tuple[Entity, Event | None, Document]]


class Ties(Protocol[Entity]):
    """What ``chassis.resources.Records`` knows of changes that touch each other."""

    def is_tied(self, before: Entity, after: Entity) -> bool:
        """Whether a change depends on what other records are at that moment."""

    def tied(self, update: Callable[[], Entity]) -> Entity:
        """Carry such a change out."""


class Untied(Generic[Entity]):
    """The ties of records each of which is changed for itself."""

    def is_tied(self, _before: Entity, _after: Entity) -> bool:
        """No change is."""
        return False

    def tied(self, update: Callable[[], Entity]) -> Entity:
        """Carry a change out."""
        return update()


class ManyRepository(Repository[Entity]):
    """A repository whose records can be changed many at a time."""

    def change_all(
        self,
        record_ids: Sequence[str],
        change: Change[Entity],
        describe: Describe[Entity],
        *,
        ties: Ties[Entity],
        is_archived: bool | None = False,
    ) -> Outcomes[Entity]:
        """Change records, each for itself as ``change`` does it, in few messages.

        One that another writer stores meanwhile is changed once more, on top of
        that. One that this operation has changed before stays as it is, and
        counts as changed.

        Args:
            record_ids: Some hundred.
            change: From the old value to the new one; its refusals are the
                record's own.
            describe: The event, from the old and the new value.
            ties: Which changes are made one by one, as they depend on others.
            is_archived: As for ``change``.

        Returns:
            By id: the record, or why it could not be changed.

        Raises:
            UnavailableError: ``outbox_full``; some may have been changed.
        """
        found = self._rows.find(
            {
                "_id": {"$in": list(record_ids)},
                **self._changeable(is_archived=is_archived),
            },
            [("_id", 1)],
            len(record_ids),
        )
        outcomes: Outcomes[Entity] = {}
        saves: Saves[Entity] = {}
        for document, is_done in zip(found, self._are_done(found), strict=True):
            before: Entity = self.restore(document)
            after = before if is_done else _after(change, before)
            if isinstance(after, WireError):
                outcomes[before.id] = after
            elif after == before:
                outcomes[before.id] = Changed(before, is_changed=is_done)
            elif not ties.is_tied(before, after):
                saves[before.id] = after, describe(before, after), document
        outcomes |= self._save_all(saves)
        alone = partial(self._change_alone, change, describe, ties, is_archived)
        rest = [each for each in record_ids if each not in outcomes]
        return outcomes | {each: alone(each) for each in rest}

    def _are_done(self, documents: Sequence[Document]) -> list[bool]:
        logged: set[str] = set()
        if self._context.is_repeated:
            logged = self.history.own_events([each["_id"] for each in documents])
        return [self._remembers(each) or each["_id"] in logged for each in documents]

    def _save_all(self, saves: Saves[Entity]) -> Outcomes[Entity]:
        """Store changed records; those that others stored meanwhile are left out."""
        if not saves:
            return {}
        ids = list(saves)
        updates = [self._update_of(*each) for each in saves.values()]
        matched, refused = self._rows.update_many(updates)
        outcomes: Outcomes[Entity] = {
            ids[place]: self._taken(error) for place, error in refused.items()
        }
        stored = set(ids) - outcomes.keys()
        if matched < len(stored):
            own = {"_id": {"$in": ids}, "operations": self._context.step_id}
            found = self._rows.find(own, [("_id", 1)], len(ids))
            stored = {row["_id"] for row in found}
        changed = {each: Changed(saves[each][0], is_changed=True) for each in stored}
        return outcomes | changed

    def _change_alone(
        self,
        change: Change[Entity],
        describe: Describe[Entity],
        ties: Ties[Entity],
        is_archived: bool | None,  # noqa: FBT001 - as change_all was given it
        record_id: str,
    ) -> Changed[Entity] | WireError:
        described: list[Event | None] = []

        def describe_and_note(before: Entity, after: Entity) -> Event | None:
            described.append(describe(before, after))
            return described[-1]

        update = partial(
            self.change, record_id, change, describe_and_note, is_archived=is_archived
        )
        try:
            record = ties.tied(update)
        except WireError as refusal:
            return _own(refusal)
        return Changed(record, is_changed=bool(described))

    def is_backed_up(self) -> bool:
        """Whether so many events wait for the relay that others would wait long."""
        waiting = {"pending_at": {"$exists": True}}
        many = _BACKLOG
        return self._rows.count(waiting, many, keys=PENDING_INDEX.keys) > many

    def is_pending(self, operation_id: str) -> bool:
        """Whether the log has yet to be told of some of an operation's changes."""
        waiting = {
            "pending_at": {"$exists": True},
            "pending_events.operation_id": operation_id,
        }
        return self._rows.count(waiting, 1, keys=PENDING_INDEX.keys) > 0

    def count_writable(
        self, parameters: Mapping[str, str], asked_at: datetime, cap: int
    ) -> int | None:
        """How many records a filter finds that the caller may read and change.

        Returns:
            At most one behind the cap; None if counting takes too long.
        """
        _, conditions = self._writable(parameters, asked_at)
        try:
            with pymongo.timeout(_COUNTING_S):
                return self._rows.count(conditions, cap)
        except PyMongoError as error:
            if not error.timeout:
                raise
        return None

    def find_writable(
        self, parameters: Mapping[str, str], asked_at: datetime, cursor: str | None
    ) -> tuple[list[str], str | None]:
        """Ids of records that a filter finds and the caller may read and change.

        Those that were there at ``asked_at``, in the order in which they were
        made, each once, by what they are when their page is read.

        Args:
            parameters: Filters of the list grammar.
            asked_at: What relative dates are relative to.
            cursor: Of the page before.

        Returns:
            The ids of a page, and the next one's cursor.

        Raises:
            InvalidInputError: 400 ``invalid_filter`` or ``unknown_parameter``.
        """
        page = {"sort": "created_at", "limit": str(_PAGE)}
        if cursor is not None:
            page["cursor"] = cursor
        query, conditions = self._writable({**parameters, **page}, asked_at)
        found, next_cursor = find_page(
            self._rows, query, conditions, self.collection.indexes
        )
        return [row["_id"] for row in found], next_cursor

    def _writable(
        self, parameters: Mapping[str, str], asked_at: datetime
    ) -> tuple[Query, Document]:
        caller = self._context.identified_caller
        known = self.shown_fields(parameters)
        listing = Listing(
            # What is archived cannot be changed.
            fields={name: known[name] for name in known if name != "archived_at"},
            view_fields=frozenset(),
            scope=f"{self._rows.org_id}\n{self.collection.name}\nwritable",
            orders=self.orders,
            default_sort="created_at",
        )
        clock = Clock.of(asked_at, caller)
        query = compile_query(parameters, listing, clock, own_seal())
        rights = [self._rights("read"), self._rights("write")]
        more: list[Any] = [{"created_at": {"$lte": asked_at}}, *filter(None, rights)]
        asked = [*query.conditions.get("$and", ()), *more]
        return query, {**self.live, **query.conditions, "$and": asked}


def many(records: Records[Entity]) -> ManyRepository[Entity]:
    """The repository of records, which are of a kind that is changed by the hundred."""
    return cast("ManyRepository[Entity]", records.repository)


def _after(change: Change[Entity], record: Entity) -> Entity | WireError:
    try:
        return change(record)
    except WireError as refusal:
        return _own(refusal)


def _own(refusal: WireError) -> WireError:
    """The refusal, if it is the record's own.

    Raises:
        WireError: It is nobody's, and may be gone the next time.
    """
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise refusal
    return refusal
