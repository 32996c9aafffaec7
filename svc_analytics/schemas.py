"""What svc_analytics gives: the published contract."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    validate,
    validates_schema,
)

from chassis.schemas import Day, Id, Input, Limit, Moment
from svc_analytics.domain import EVENTS

__all__ = [
    "ActivityQuery",
    "ActivityView",
    "EventNames",
    "EventView",
    "EventsPageView",
    "EventsQuery",
    "ProcessedQuery",
    "feed_news",
]

LATEST: Final = "latest"
_MOST_TYPES: Final = 50
_LONGEST_NAME: Final = 100
_MOST_EVENTS: Final = 50
_INTERNAL: Final = frozenset({"_id", "org_id", "processed_at"})


class ActivityQuery(Input):
    """Which days to count, both included; all of them by default."""

    from_on = Day(
        data_key="from",
        load_default=None,
        metadata={"description": "The first day to count; of all if missing."},
    )
    until_on = Day(
        data_key="until",
        load_default=None,
        metadata={"description": "The last day to count; today if missing."},
    )

    @validates_schema
    def _is_in_order(self, data: dict[str, Any], **_: Any) -> None:
        first, last = data["from_on"], data["until_on"]
        if first is not None and last is not None and last < first:
            raise ValidationError("Must not be before the first day.", "until")


class SeriesPoint(Schema):
    """One event on one day."""

    date = fields.String()
    event = fields.String()
    count = fields.Integer()


class ActivityView(Schema):
    """How often what happened, and how fresh that is."""

    totals = fields.Dict(keys=fields.String(), values=fields.Integer())
    interactions = fields.Dict(keys=fields.String(), values=fields.Integer())
    series = fields.List(fields.Nested(SeriesPoint))
    computed_at = Moment()
    lag_ms = fields.Integer()


class _Position(fields.Integer):
    """A place in the feed, or ``latest`` for its end."""

    def _deserialize(self, value: Any, *arguments: Any, **terms: Any) -> Any:
        if value == LATEST:
            return LATEST
        return super()._deserialize(value, *arguments, **terms)


def _place(value: object) -> None:
    if value != LATEST:
        validate.Range(min=0, max=2**53)(value)


class EventNames(fields.List[Any]):
    """Names of events, separated by commas; those that there are not are refused."""

    def __init__(self, **terms: Any) -> None:
        super().__init__(
            fields.String(validate=validate.OneOf(sorted(EVENTS))),
            validate=validate.Length(1, _MOST_TYPES),
            metadata={
                "description": "Names of events (the tag `events` lists them), "
                "separated by commas; by default all."
            },
            **terms,
        )

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        names = value.split(",")
        unknown = [name[:_LONGEST_NAME] for name in names if name not in EVENTS]
        if unknown:
            raise ValidationError(f"There is no event {unknown[0]}.")
        if len(names) > _MOST_TYPES:
            raise ValidationError(f"At most {_MOST_TYPES} names.")
        return frozenset(names)


class EventsQuery(Input):
    """Which part of the feed to read; from the earliest kept by default."""

    after = _Position(
        strict=False,
        load_default=None,
        validate=_place,
        metadata={
            "type": "string",
            "pattern": "^(latest|[0-9]{1,16})$",
            "description": "`page.position` of the page before, or `latest` for the "
            "end of the feed; by default the earliest event kept.",
        },
    )
    limit = Limit(
        load_default=50,
        validate=validate.Range(min=1, max=200),
        metadata={"description": "How many events to answer at most."},
    )
    types = EventNames(load_default=frozenset())


class OperationInput(Input):
    """Everything that one operation announced.

    Attributes:
        records: How many records it made or changed.
        sequences: The sum of the sequences of each one's last event.
    """

    id = Id(required=True)
    records = fields.Integer(required=True, validate=validate.Range(min=1))
    sequences = fields.Integer(required=True, validate=validate.Range(min=1))


class ProcessedQuery(Input):
    """Events that somebody waits for: by their ids, or all of an operation's."""

    events = fields.List(
        Id(), load_default=list, validate=validate.Length(max=_MOST_EVENTS)
    )
    operation = fields.Nested(OperationInput, load_default=None)


class EventView(Schema):
    """One event, as the feed and the stream show it.

    Attributes:
        position: Counts the events of the organization.
        event: Such as ``customer.contact_created``; the tag ``events`` lists them.
        aggregate: The record, ``{"type", "id"}``.
        sequence: Counts those of the record.
        operation_id: The same for everything that one request caused.
        occurred_at: RFC 3339.
        actor: Who did it, ``{"type", "id"}``.
        data: Ids and facts, nothing personal: for names and addresses read the
            record.
    """

    position = fields.Integer()
    id = fields.String(attribute="_id")
    event = fields.String()
    version = fields.Integer()
    aggregate = fields.Dict(keys=fields.String(), values=fields.String())
    sequence = fields.Integer()
    operation_id = fields.String()
    occurred_at = fields.String()
    actor = fields.Dict(keys=fields.String(), values=fields.String())
    request_id = fields.String()
    data = fields.Dict()


class EventsPage(Schema):
    """Where a page ends.

    Attributes:
        position: What to give as ``after`` for what comes next, now or later.
    """

    position = fields.Integer()
    has_more = fields.Boolean()


class EventsPageView(Schema):
    """Some events of the feed."""

    data = fields.List(fields.Nested(EventView))
    page = fields.Nested(EventsPage)


def feed_news(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is told of rows of the feed: a message for each organization.

    Events as :class:`EventView` shows them, with ``resource`` and ``acl``, by
    which whoever passes them on finds out who may see them.
    """
    news: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        event = {name: value for name, value in row.items() if name not in _INTERNAL}
        shown = {"position": row["position"], "id": row["_id"], **event}
        news.setdefault(row["org_id"], []).append(shown)
    return [{"org_id": org_id, "events": events} for org_id, events in news.items()]
