"""What the records of one kind were: history, the state of a time, and back to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.cursors import own_seal, resumed
from chassis.errors import (
    ConflictError,
    NotFoundError,
    bad_request,
    invalid_field,
)
from chassis.events import wire_time
from chassis.mongo import Document
from chassis.rebuilding import patch_between, primitives_of, rebuilt
from chassis.records import Record
from chassis.resources import Records
from chassis.schemas import Id, Input, Limit, Moment, load, load_query
from chassis.views import dumper

__all__ = ["Chronicle", "HistoryItemView", "HistoryQuery", "PastQuery", "RevertInput"]

Entity = TypeVar("Entity", bound=Record)

_LATEST: Final = "-sequence"
_LEEWAY: Final = timedelta(seconds=5)
_MOST_SEQUENCE: Final = 2**31 - 1


class _AskedMoment(Moment):
    """A moment in a query, where a plus sign that was not escaped is a space."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        text = value.replace(" ", "+") if isinstance(value, str) else value
        return super()._deserialize(text, *args, **kwargs)


class PastQuery(Input):
    """As of when a record is asked for."""

    as_of = _AskedMoment(
        load_default=None,
        metadata={
            "description": "The record as it was on record at this time (RFC 3339), "
            "archived or not; without, as it is, if it is live."
        },
    )


class HistoryQuery(Input):
    """Which part of a record's history is asked for."""

    limit = Limit(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "How many events."},
    )
    sort = fields.String(
        load_default=_LATEST,
        validate=validate.OneOf((_LATEST, "sequence")),
        metadata={"description": "The latest event first, or the earliest."},
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(1, 1_000),
        metadata={"description": "`next_cursor` of the page before."},
    )


class RevertInput(Input):
    """To which state a record, or some of its fields, is to be brought back.

    Attributes:
        as_of: The state at this time.
        sequence: The state that the event with this number left.
        fields: Which fields; without, all that can be changed.
    """

    example: ClassVar[dict[str, Any]] = {"sequence": 1, "fields": ["owner_id"]}

    as_of = Moment()
    sequence = fields.Integer(strict=True, validate=validate.Range(1, _MOST_SEQUENCE))
    fields_ = fields.List(
        fields.String(validate=validate.Length(1, 100)),
        data_key="fields",
        validate=validate.Length(1, 100),
    )

    @validates_schema
    def _one_state(self, data: dict[str, Any], **_: Any) -> None:
        if ("as_of" in data) == ("sequence" in data):
            raise ValidationError("Give either as_of or sequence.", "as_of")


class ActorView(Schema):
    """Who brought something about."""

    type = fields.String()
    id = fields.String()


class HistoryItemView(Schema):
    """An event of a record.

    Attributes:
        sequence: Counts the events of the record.
        operation_id: What else belongs to the same request or job.
        changes: ``{field: {from, to}}``; with ``is_erased`` where the values
            were those of a person who has been erased.
    """

    sequence = fields.Integer()
    event = fields.String()
    occurred_at = fields.String(metadata={"format": "date-time"})
    actor = fields.Nested(ActorView)
    request_id = fields.String()
    operation_id = Id()
    changes = fields.Dict()


@dataclass(frozen=True)
class _Past(Generic[Entity]):
    """A record as it was, and the fields whose values nobody can tell any more."""

    record: Entity
    erased: frozenset[str]


class Chronicle(Generic[Entity]):
    """The past of the records of one kind, in the hands of one worker."""

    def __init__(self, records: Records[Entity]) -> None:
        self._records = records
        self._repository = records.repository

    def get(self, record_id: str, query: Mapping[str, str] | None) -> dict[str, Any]:
        """One record, live, or as it was at a time, archived or not.

        Raises:
            NotFoundError: ``<noun>_not_found``, also as of a time before it was
                made.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        moment = load_query(PastQuery(), query or {})["as_of"]
        if moment is None:
            return self._records.get(record_id)
        if moment > datetime.now(tz=UTC) + _LEEWAY:
            message = "Nobody knows the future."
            error = {"field": "as_of", "code": "invalid_query", "message": message}
            raise bad_request("invalid_query", message, [error])  # type: ignore[list-item]
        self._records.permit("read")
        document = self._repository.document(record_id)
        past = self._past(document, _until(moment))
        if past is None:
            raise NotFoundError(
                f"{self._repository.noun}_not_found", "It did not exist then."
            )
        return self._records.shown(past.record)

    def history(self, record_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One page of a record's events, archived or not.

        Told of what the record shows; fields that the caller may not see are
        left out.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        self._records.permit("read")
        wanted = load_query(HistoryQuery(), query)
        scope = f"{record_id}\nhistory\n{wanted['sort']}"
        beyond = resumed(scope, wanted["cursor"])
        document = self._repository.document(record_id)
        record = self._repository.restore(document)
        rows = self._repository.history.page(
            document,
            wanted["limit"] + 1,
            beyond=beyond,
            is_backwards=wanted["sort"] == _LATEST,
        )
        page, has_more = rows[: wanted["limit"]], len(rows) > wanted["limit"]
        last = [page[-1]["sequence"]] if page else []
        next_cursor = own_seal().seal(scope, last) if has_more else None
        return {
            "data": [self._item(record, row) for row in page],
            "page": {"next_cursor": next_cursor, "has_more": has_more},
        }

    def _item(self, record: Entity, row: Document) -> dict[str, Any]:
        fields = self._records.kind.view.fields
        shown = {
            name: change
            for name, change in row["changes"].items()
            if name.partition(".")[0] in fields
        }
        changes = self._repository.shown_changes(record, shown)
        return _ITEM({**row, "changes": changes})

    def revert(
        self, record_id: str, payload: Mapping[str, Any], expected_version: int | None
    ) -> dict[str, Any]:
        """Bring fields of a live record back to what they were, as a new change.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            InvalidInputError: ``invalid_input``: there was no such state, or
                there are no such fields; or what a change of these raises.
            ConflictError: ``value_erased``: somebody was, and with them a value
                that is asked for by name.
            VersionConflictError: ``version_conflict``, with the fields.
        """
        self._records.permit("read")
        self._records.permit("write")
        wanted = load(RevertInput(), payload)
        document = self._repository.document(record_id)
        past = self._past(document, _is_in(wanted))
        if past is None or wanted.get("sequence", 0) > document["sequence"]:
            field = "as_of" if "as_of" in wanted else "sequence"
            raise invalid_field("invalid_input", "It had no such state.", field=field)
        current: Entity = self._repository.restore(document)
        names = self._names(wanted.get("fields_"), past)
        now, then = primitives_of(current), primitives_of(past.record)
        patch = {
            name: patch_between(now[name], then[name])
            for name in names
            if now[name] != then[name]
        }
        return self._records.put_back(record_id, patch, expected_version)

    def _names(self, asked: list[str] | None, past: _Past[Entity]) -> list[str]:
        """The fields to be brought back, of those that clients may change."""
        known = primitives_of(past.record).keys() & self._records.writable_fields
        if asked is None:
            return sorted(known - past.erased)
        if unknown := sorted(set(asked) - known):
            raise invalid_field(
                "invalid_input", f"{unknown[0]!r} cannot be reverted.", field="fields"
            )
        if erased := sorted(past.erased.intersection(asked)):
            raise ConflictError("value_erased", f"The {erased[0]} of then was erased.")
        return asked

    def _past(
        self, document: Document, is_before: Callable[[Document], bool]
    ) -> _Past[Entity] | None:
        """A record as it was behind the latest event that ``is_before``.

        None if there is no such event: it had not been made.
        """
        values: dict[str, Any] = {}
        erased: set[str] = set()
        for row in self._repository.history.backwards(document):
            if is_before(row):
                record = rebuilt(self._repository.restore(document), values)
                told = {
                    "version": row.get("record_version") or record.version,
                    "sequence": row["sequence"],
                    "updated_at": datetime.fromisoformat(_recorded_at(row)),
                }
                as_told = replace(record, **told)  # type: ignore[type-var]
                return _Past(as_told, frozenset(erased))
            for name, change in row["changes"].items():
                values[name] = change["from"]
                is_erased = change.get("is_erased", False)
                (erased.add if is_erased else erased.discard)(name.partition(".")[0])
        return None


_ITEM: Final = dumper(HistoryItemView())


def _until(moment: datetime) -> Callable[[Document], bool]:
    # As events carry it, which sorts as time does.
    latest = wire_time(moment)
    return lambda row: _recorded_at(row) <= latest


def _recorded_at(row: Document) -> str:
    """The record's own time of a change, by which clients ask for it.

    The event comes milliseconds later, and is all that there is of older ones.
    """
    recorded: str = row.get("record_updated_at") or row["occurred_at"]
    return recorded


def _is_in(wanted: Mapping[str, Any]) -> Callable[[Document], bool]:
    if "as_of" in wanted:
        return _until(wanted["as_of"])
    return lambda row: row["sequence"] <= wanted["sequence"]
