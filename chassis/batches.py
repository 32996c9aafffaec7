"""Many operations on records of one kind in one request, row by row.

Each row stands for itself: one that is refused does not undo the others. Rows
take effect in their order. A batch that is sent again with its
``Idempotency-Key`` goes on where it was cut off.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import eventlet
import orjson
from marshmallow import fields, validate

from chassis.errors import (
    ConflictError,
    DeadlineExceededError,
    InvalidInputError,
    NotFoundError,
    WireError,
    invalid_input,
)
from chassis.matching import MatchLocks
from chassis.records import Record
from chassis.resources import Records, Worker
from chassis.schemas import Id, Input, load

__all__ = ["MAX_OPERATIONS", "Batch", "BatchOperationInput", "BatchWorker"]

Entity = TypeVar("Entity", bound=Record)

MAX_OPERATIONS: Final = 500
# Of an answer; a document of MongoDB, such as remembers it, holds twice as much.
_MOST_BYTES: Final = 8 * 1024 * 1024
# So many rows of one sort are sent to the database at a time.
_CHUNK: Final = 50
# So long an upsert waits for another request that makes its record.
_PATIENCE_S: Final = 2.0
_PAUSE_S: Final = 0.05


class BatchOperationInput(Input):
    """One row of a batch.

    Attributes:
        id: Of an update or a delete.
        version: The version that was read last, as ``If-Match`` says it of
            one record.
        data: The payload of a create, or a patch. That of an upsert is a patch
            of the live record that it finds; where it finds none it has to be
            enough for a new one.
    """

    op = fields.String(
        required=True, validate=validate.OneOf(("create", "update", "upsert", "delete"))
    )
    id = Id()
    version = fields.Integer(strict=True, validate=validate.Range(1, 2**63 - 1))
    match_by = fields.String(validate=validate.Length(1, 50))
    data = fields.Dict()


class BatchWorker(Worker, Protocol):
    """What a batch needs besides of the service that offers it."""

    def look_ahead(self, resource: str, rows: Sequence[Any]) -> None: ...  # noqa: D102


@dataclass(eq=False)
class _Row:
    """An operation, and how it went.

    Attributes:
        lacking: Why nothing new can be made of an upsert that may well change
            what is there.
    """

    place: int
    op: str = ""
    id: str | None = None
    version: int | None = None
    match_by: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    lacking: InvalidInputError | None = None
    result: dict[str, Any] = field(default_factory=dict)


class Batch(Generic[Entity]):
    """Carries out a batch on behalf of one worker."""

    def __init__(
        self, records: Records[Entity], locks: MatchLocks, worker: BatchWorker
    ) -> None:
        self._records = records
        self._locks = locks
        self._context = worker.context
        self._operation = worker.operation
        self._worker = worker

    def run(self, operations: Sequence[Any]) -> dict[str, Any]:
        """Carry the operations out.

        Returns:
            ``{"results": [{"op", "status", "id", "version", "data"}],
            "summary": {"succeeded", "failed"}}``; a row that was refused has
            ``error`` with ``code``, ``detail`` and perhaps ``errors``. Once there
            are 8 MiB of them, further rows have no ``data``, and of an ``error``
            only ``code`` and ``detail``.

        Raises:
            InvalidInputError: ``invalid_input``: no list of 1 to 500.
            DeadlineExceededError: ``deadline_exceeded``; rows may have been
                carried out.
        """
        self._records.permit("write")
        count = len(operations) if isinstance(operations, list) else 0
        if not 1 <= count <= MAX_OPERATIONS:
            raise _invalid("operations", f"A list of 1 to {MAX_OPERATIONS} operations.")
        self._worker.look_ahead(self._records.repository.resource, operations)
        rows = [self._read(place, each) for place, each in enumerate(operations)]
        for chunk in _chunks(rows):
            if time.time() >= self._context.deadline:
                raise DeadlineExceededError(
                    "deadline_exceeded", f"Stopped before row {chunk[0].place}."
                )
            self._carry_out(chunk)
        self._context.step = None
        failed = sum("error" in row.result for row in rows)
        return {
            "results": _bounded([{"op": row.op, **row.result} for row in rows]),
            "summary": {"succeeded": len(rows) - failed, "failed": failed},
        }

    def _read(self, place: int, given: Any) -> _Row:
        row = _Row(place)
        self._attempt(row, partial(self._read_into, row, given))
        return row

    def _read_into(self, row: _Row, given: Any) -> None:
        read = load(_OPERATION, given)
        row.op, row.id = read["op"], read.get("id")
        row.version, row.match_by = read.get("version"), read.get("match_by")
        row.payload = read.get("data", {})
        if (row.op in {"update", "delete"}) != (row.id is not None):
            needs = "Needed here." if row.id is None else "Not for this operation."
            raise _invalid("id", needs)
        if row.op == "create":
            row.data = self._records.new_data(row.payload)
        if row.op == "upsert":
            try:
                row.data = self._records.new_data(row.payload)
            except InvalidInputError as refusal:
                row.lacking = refusal
                row.data = self._records.data_to_match(row.payload)
            row.keys = self._match_keys(row)

    def _match_keys(self, row: _Row) -> tuple[str, ...]:
        """The values to find the record by, each with its field's name."""
        kind = self._records.kind
        known = kind.match_by
        name = row.match_by or next((n for n in known if known[n](row.data)), "")
        keys = kind.values_to_match(name, row.data)
        if not keys:
            raise _invalid("match_by", f"Give a value of one of {', '.join(known)}.")
        row.match_by = name
        return tuple(keys)

    def _carry_out(self, chunk: Sequence[_Row]) -> None:
        if chunk[0].op == "create":
            self._create(chunk)
        elif chunk[0].op == "upsert":
            self._upsert(chunk)
        else:
            for row in chunk:
                self._step(row)
                self._attempt(row, partial(self._change, row))

    def _step(self, row: _Row) -> str:
        self._context.step = str(row.place)
        return self._context.step

    def _create(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        noun = self._records.repository.noun
        additions = []
        for row in rows:
            record_id = self._operation.new_id(f"{noun} {row.place}")
            record = self._records.make(record_id, row.data)
            event = self._records.kind.created(record)
            additions.append((record, event, self._step(row)))
        for row, added in zip(
            rows, self._records.repository.add_all(additions), strict=True
        ):
            if isinstance(added, ConflictError):
                row.result = _refused(added)
            else:
                row.result = self._done(added, 201)

    def _change(self, row: _Row) -> None:
        record_id = row.id or ""
        if row.op == "delete":
            self._records.archive(record_id, row.version)
            row.result = {"status": 204, "id": record_id}
            return
        shown = self._records.update(record_id, row.payload, row.version)
        row.result = _shown(shown, 200)

    def _upsert(self, rows: Sequence[_Row]) -> None:
        """Change what is found, make what is not; one field in all of ``rows``.

        What others are about to make is waited for.
        """
        give_up_at = min(time.time() + _PATIENCE_S, self._context.deadline)
        missing = []
        for row in self._update_found(rows):
            if row.lacking is None:
                missing.append(row)
            else:
                row.result = _refused(row.lacking)
        while missing := self._make(missing):
            if time.time() + _PAUSE_S >= give_up_at:
                break
            eventlet.sleep(_PAUSE_S)
            missing = self._update_found(missing)
        for row in missing:
            row.result = _refused(_in_progress())

    def _make(self, missing: Sequence[_Row]) -> list[_Row]:
        """Make the records of rows for which there is none; what others make."""
        wanted = {key: row for row in missing for key in row.keys}
        if not wanted:
            return []
        name = f"{self._records.repository.resource}.{missing[0].match_by}"
        with self._locks.hold(name, wanted.keys()) as held:
            ours = [row for row in missing if held.issuperset(row.keys)]
            self._create(self._update_found(ours))
        return [row for row in missing if row not in ours]

    def _update_found(self, rows: Sequence[_Row]) -> list[_Row]:
        """Update the rows' records; the rows for which there is none."""
        if not rows:
            return []
        repository = self._records.repository
        keys = [key for row in rows for key in row.keys]
        found = repository.match(rows[0].match_by or "", keys)
        missing = []
        for row in rows:
            ids = {each for key in row.keys for each in found.get(key, ())}
            own_id = self._operation.new_id(f"{repository.noun} {row.place}")
            if not ids or ids == {own_id}:
                # Found under its own id it was made by an earlier attempt.
                missing.append(row)
                continue
            self._step(row)
            self._attempt(row, partial(self._update_one, row, ids))
        return missing

    def _update_one(self, row: _Row, ids: set[str]) -> None:
        if len(ids) > 1:
            raise ConflictError(
                "ambiguous_match", f"Several records have this {row.match_by}."
            )
        # It has this value already, perhaps among several.
        patch = {
            name: value for name, value in row.payload.items() if name != row.match_by
        }
        try:
            shown = self._records.update(ids.pop(), patch, row.version)
        except NotFoundError:
            raise ConflictError(
                "duplicate_value", f"Another record has this {row.match_by}."
            ) from None
        row.result = _shown(shown, 200)

    def _done(self, record: Entity, status: int) -> dict[str, Any]:
        return _shown(self._records.made(record), status)

    def _attempt(self, row: _Row, act: Callable[[], None]) -> None:
        try:
            act()
        except WireError as refusal:
            if refusal.status >= 500:  # noqa: PLR2004
                raise
            row.result = _refused(refusal)


_OPERATION: Final = BatchOperationInput()


def _chunks(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows that can be carried out together, in their order."""
    chunks: list[list[_Row]] = []
    keys: set[str] = set()
    sort: tuple[str, str | None] | None = None
    for row in rows:
        if "error" in row.result:
            continue
        is_full = bool(chunks) and len(chunks[-1]) == _CHUNK
        if is_full or (row.op, row.match_by) != sort or keys.intersection(row.keys):
            chunks.append([])
            keys.clear()
            sort = row.op, row.match_by
        chunks[-1].append(row)
        keys.update(row.keys)
    return chunks


def _bounded(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that go through the broker, and into one document, together."""
    left = _MOST_BYTES
    for place, row in enumerate(results):
        left -= len(orjson.dumps(row))
        if left < 0:
            results[place] = _shortened(row)
    return results


def _shortened(row: Mapping[str, Any]) -> dict[str, Any]:
    short = {name: value for name, value in row.items() if name != "data"}
    if "error" in row:
        short["error"] = {name: row["error"][name] for name in ("code", "detail")}
    return short


def _in_progress() -> ConflictError:
    return ConflictError(
        "upsert_in_progress",
        "Another request is making this record; try again.",
    )


def _invalid(field_name: str, message: str) -> WireError:
    return invalid_input([{"field": field_name, "code": "invalid", "message": message}])


def _shown(view: dict[str, Any], status: int) -> dict[str, Any]:
    return {
        "status": status,
        "id": view["id"],
        "version": view["version"],
        "data": view,
    }


def _refused(refusal: WireError) -> dict[str, Any]:
    extra = {name: value for name, value in refusal.extra.items() if name != "status"}
    error = {"code": refusal.code, "detail": refusal.message, **extra}
    return {"status": refusal.http_status, "error": error}
