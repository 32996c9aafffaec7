"""What can be done with any kind of record: the operations behind the routes.

A service declares a :class:`Kind` for each of its resources and an RPC for
each operation; what the operation does is here, once for all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from marshmallow import Schema

from chassis.context import Context
from chassis.errors import InvalidInputError
from chassis.events import Event
from chassis.idempotency import Operation
from chassis.merge_patch import with_merged_objects
from chassis.records import Record
from chassis.repository import Repository
from chassis.schemas import load
from chassis.views import Dump, dumper, without

__all__ = ["Kind", "Records", "Worker"]

Entity = TypeVar("Entity", bound=Record)
Stored = TypeVar("Stored")


class Worker(Protocol):
    """What the operations need of the service that offers them."""

    @property
    def context(self) -> Context: ...  # noqa: D102
    @property
    def operation(self) -> Operation: ...  # noqa: D102
    def check_references(  # noqa: D102
        self, resource: str, data: Mapping[str, Any]
    ) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Entity]):
    """One kind of record.

    Attributes:
        create_input: Reads the payload of a new record.
        update_input: Reads a merge patch (RFC 7396).
        view: What is shown of a record.
        make: A new record, from id, data, owner and time.
        change: The record with a patch applied.
        change_back: The same with a patch of values that it had before, where
            that may do more.
        archive: The record, put away.
        restore: The record, back among the live ones.
        created: The event of a new record.
        updated: The event of a change; so for the two that follow.
        match_by: Names of list fields by which an upsert may find a record,
            the likeliest first, and the stored values that the data of a new
            record has there.
        match_by_key: The same for names that are not known beforehand.
    """

    create_input: Schema
    update_input: Schema
    view: Schema
    make: Callable[[str, Mapping[str, Any], str | None, datetime], Entity]
    change: Callable[[Entity, Mapping[str, Any], datetime], Entity]
    archive: Callable[[Entity, datetime], Entity]
    restore: Callable[[Entity, datetime], Entity]
    created: Callable[[Entity], Event]
    updated: Callable[[Entity, Entity], Event]
    archived: Callable[[Entity, Entity], Event]
    restored: Callable[[Entity, Entity], Event]
    change_back: Callable[[Entity, Mapping[str, Any], datetime], Entity] | None = None
    match_by: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = field(
        default_factory=dict
    )
    match_by_key: Callable[[str, Mapping[str, Any]], list[str]] | None = None

    def values_to_match(self, name: str, data: Mapping[str, Any]) -> list[str]:
        """The stored values of ``name`` to find a record by; none if it has none."""
        if name in self.match_by:
            return self.match_by[name](data)
        return self.match_by_key(name, data) if self.match_by_key else []

    @property
    def putting_back(self) -> Callable[[Entity, Mapping[str, Any], datetime], Entity]:
        """What makes a record what it was."""
        return self.change_back or self.change

    def shown(self, record: Entity) -> dict[str, Any]:
        """The whole record, as those see it from whom nothing is hidden."""
        return self._dump(record)

    @cached_property
    def _dump(self) -> Dump:
        return dumper(self.view)


class Records(Generic[Entity]):
    """The records of one kind, in the hands of one worker."""

    def __init__(
        self, kind: Kind[Entity], repository: Repository[Entity], worker: Worker
    ) -> None:
        self.kind = kind
        self.repository = repository
        self._worker = worker
        self._context = worker.context

    def shown(self, record: Entity) -> dict[str, Any]:
        """The record as the caller may see it, who may read it."""
        hidden = self.repository.hidden_fields
        view: dict[str, Any] = without(self.whole(record), hidden)
        return view

    def answered(self, record: Entity) -> dict[str, Any]:
        """What a change of the record is answered with; see ``Reader.told``."""
        return self.repository.told(record, self.shown(record))

    def whole(self, record: Entity) -> dict[str, Any]:
        """Everything that there is to show of a record, whoever asks."""
        return self.kind.shown(record)

    def permit(self, action: str) -> None:
        """Refuse a caller who does not hold ``<resource>:<action>``.

        Raises:
            ForbiddenError: ``permission_missing``.
        """
        caller = self._context.identified_caller
        caller.require(f"{self.repository.resource}:{action}")

    def now(self) -> datetime:
        """The current time, as the worker has it."""
        return self._context.now()

    @property
    def writable_fields(self) -> frozenset[str]:
        """What a patch of the caller's may name."""
        caller = self._context.identified_caller
        unwritable = caller.unwritable_fields(self.repository.resource)
        return frozenset(self.kind.update_input.fields) - unwritable

    def create(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Make a record and announce it; again in one operation, the same one.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``duplicate_value``.
        """
        self.permit("write")
        data = self.new_data(payload)
        record = self.make(self._worker.operation.new_id(self.repository.noun), data)
        event = self.kind.created(record)
        return self.made(self.repository.add(record, event))

    def made(self, record: Entity) -> dict[str, Any]:
        """What the making of a record is answered with: all of it.

        It is the caller's own word, whatever they may read; not if somebody has
        changed it before the answer is given, as a request that is delivered
        twice may find.
        """
        return self.shown(record) if record.version == 1 else self.answered(record)

    def get(self, record_id: str) -> dict[str, Any]:
        """One live record that the caller may see.

        Raises:
            NotFoundError: ``<noun>_not_found``.
        """
        self.permit("read")
        return self.shown(self.repository.get(record_id))

    def page(
        self, query: Mapping[str, str], within: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One page of the list or a part of it, ``{"data": […], "page": {…}}``.

        Raises:
            InvalidInputError: 400; see ``chassis.query.compile_query``.
        """
        self.permit("read")
        page = self.repository.page(query, self.kind.view.fields, within)
        return page.view(self.shown)

    def update(
        self, record_id: str, payload: Mapping[str, Any], expected_version: int | None
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing. One that was made for
        an earlier version is applied unless others changed the same fields.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            NotFoundError: ``<noun>_not_found``.
            VersionConflictError: ``version_conflict``, with the fields.
        """
        return self._updated(record_id, payload, expected_version, is_back=False)

    def put_back(
        self, record_id: str, payload: Mapping[str, Any], expected_version: int | None
    ) -> dict[str, Any]:
        """Apply a merge patch of values that the record had before; see ``update``."""
        return self._updated(record_id, payload, expected_version, is_back=True)

    def _updated(
        self,
        record_id: str,
        payload: Mapping[str, Any],
        expected_version: int | None,
        *,
        is_back: bool,
    ) -> dict[str, Any]:
        self.permit("write")
        changed = self.repository.change(
            record_id,
            lambda record: self.changed(record, payload, is_back=is_back),
            self.kind.updated,
            expected_version=expected_version,
            is_mergeable=True,
        )
        return self.answered(changed)

    def archive(self, record_id: str, expected_version: int | None) -> None:
        """Put a record away; it can be restored.

        Raises:
            NotFoundError: ``<noun>_not_found``, also when it is archived.
            VersionConflictError: ``version_conflict``.
        """
        self.permit("write")
        now = self._context.now()
        self.repository.change(
            record_id,
            lambda record: self.kind.archive(record, now),
            self.kind.archived,
            expected_version=expected_version,
        )

    def restore(self, record_id: str, expected_version: int | None) -> dict[str, Any]:
        """Bring an archived record back.

        Raises:
            NotFoundError: ``<noun>_not_found``: none is archived.
            VersionConflictError: ``version_conflict``.
        """
        self.permit("write")
        now = self._context.now()
        restored = self.repository.change(
            record_id,
            lambda record: self.kind.restore(record, now),
            self.kind.restored,
            expected_version=expected_version,
            is_archived=True,
        )
        return self.answered(restored)

    def new_data(self, payload: Any) -> dict[str, Any]:
        """The data of a new record, all of which the caller may write.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields: those that
                are given, or are needed and could not be.
        """
        if isinstance(payload, Mapping):
            self._require_writable(payload)
        try:
            return self.read_new(payload)
        except InvalidInputError as refusal:
            wrong = refusal.extra.get("errors", ())
            self._require_writable([each["field"] for each in wrong])
            raise

    def read_new(self, payload: Any) -> dict[str, Any]:
        """The data of a new record, whoever makes it.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
        """
        data = load(self.kind.create_input, payload)
        self._worker.check_references(self.repository.resource, data)
        return data

    def changed(
        self, record: Entity, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> Entity:
        """The record with a merge patch applied; see ``read_patch``.

        Raises:
            WireError: What reading the patch raises, and what the kind refuses.
        """
        patch = self.read_patch(record, payload, is_back=is_back)
        apply = self.kind.putting_back if is_back else self.kind.change
        return apply(record, patch, self.now())

    def read_patch(
        self, record: Entity, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        """What a merge patch makes of a record's fields.

        Args:
            record: As it is.
            payload: The patch.
            is_back: Whether it is of values that the record had before. It goes
                back to its teams then, whoever sees them.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        self._require_writable(payload)
        has_objects = any(isinstance(value, dict) for value in payload.values())
        current = self.whole(record) if has_objects else {}
        patch = load(self.kind.update_input, with_merged_objects(payload, current))
        named = _differing(record, patch)
        if is_back:
            named.pop("team_ids", None)
        self._worker.check_references(self.repository.resource, named)
        return patch

    def is_tied(self, before: Entity, after: Entity) -> bool:  # noqa: ARG002
        """Whether a change is refused for what other records are at that moment."""
        return False

    def tied(self, update: Callable[[], Stored]) -> Stored:
        """Carry out a change, or what may be one, that :meth:`is_tied`.

        Args:
            update: Reads, changes and stores; it may be run again.
        """
        return update()

    def check_patch(self, payload: Mapping[str, Any]) -> None:
        """Refuse a patch that no record could take.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        self.data_to_match(payload)

    def data_to_match(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a patch says of a record, to find the one that it is about.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        self._require_writable(payload)
        patch = load(self.kind.update_input, with_merged_objects(payload, {}))
        self._worker.check_references(self.repository.resource, patch)
        return patch

    def _require_writable(self, names: Iterable[str]) -> None:
        caller = self._context.identified_caller
        caller.require_writable(self.repository.resource, names)

    def make(self, record_id: str, data: Mapping[str, Any]) -> Entity:
        """A new record; whoever makes it owns it, a service leaves that open.

        Unless it says otherwise, it is also theirs with whom they are in a team.
        """
        caller = self._context.identified_caller
        owner_id = caller.principal_id if caller.principal_type == "person" else None
        if "team_ids" in self.kind.create_input.fields:
            data = {"team_ids": caller.home_team_ids, **data}
        return self.kind.make(record_id, data, owner_id, self._context.now())


def _differing(record: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """What a patch would change: who is named in a record already may stay there."""
    unset = object()
    return {
        name: value
        for name, value in patch.items()
        if getattr(record, name, unset) != value
    }
