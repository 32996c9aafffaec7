"""The read models of svc_analytics, for one organization or for all of them."""

from collections import Counter
from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from chassis.context import Context
from chassis.errors import ConflictError, bad_request
from chassis.mongo import Collection, Document, Index
from chassis.rows import TenantRows
from chassis.visibility import resource_of, visible
from svc_analytics.domain import Activity, count_events

__all__ = [
    "COLLECTIONS",
    "ActivityProjection",
    "ActivityRepository",
    "FeedPage",
    "FeedRepository",
]

ACTIVITY: Final = Collection(
    "activity",
    (Index((("org_id", 1), ("day", 1), ("event", 1), ("kind", 1)), is_unique=True),),
)
PROGRESS: Final = Collection("progress", (Index((("org_id", 1),), is_unique=True),))
PROCESSED_EVENTS: Final = Collection(
    "processed_events",
    (
        Index((("processed_at", 1),), expires_after_s=30 * 24 * 3_600),
        Index(
            (("org_id", 1), ("position", 1)),
            is_unique=True,
            partial={"position": {"$exists": True}},
        ),
        Index((("org_id", 1), ("operation_id", 1))),
    ),
)
COLLECTIONS: Final = (ACTIVITY, PROGRESS, PROCESSED_EVENTS)
_MOST_ROWS: Final = 100_000
# So many events are looked at for one page, whoever may see how many of them.
_MOST_SCANNED: Final = 5_000
# More than one operation makes: a batch has 500 rows.
_MOST_OF_ONE_OPERATION: Final = 2_000
# What of an envelope the organization's feed keeps.
_KEPT: Final = (
    "event",
    "version",
    "aggregate",
    "sequence",
    "operation_id",
    "occurred_at",
    "actor",
    "request_id",
    "data",
)


class ActivityRepository:
    """The counts of one organization."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._counts = TenantRows(database[ACTIVITY.name], context)
        self._progress = TenantRows(database[PROGRESS.name], context)

    def counts(
        self, from_on: date | None, until_on: date | None
    ) -> dict[Activity, int]:
        """How often what happened on which day, within the bounds."""
        bounds = {}
        if from_on is not None:
            bounds["$gte"] = from_on.isoformat()
        if until_on is not None:
            bounds["$lte"] = until_on.isoformat()
        rows = self._counts.find(
            {"day": bounds} if bounds else {}, [("day", 1), ("event", 1)], _MOST_ROWS
        )
        return {
            Activity(
                row["org_id"], date.fromisoformat(row["day"]), row["event"], row["kind"]
            ): row["count"]
            for row in rows
        }

    def progress(self) -> tuple[datetime | None, timedelta]:
        """When the counts last changed, and how long that event had been under way."""
        row = self._progress.find_one({})
        if row is None:
            return None, timedelta()
        return row["computed_at"], timedelta(milliseconds=row["lag_ms"])


@dataclass(frozen=True)
class FeedPage:
    """Some events of a feed.

    Attributes:
        rows: Those that the caller may see, in order.
        position: How far the feed was read for them; the next page's ``after``.
        has_more: Whether the feed goes on behind that.
    """

    rows: list[Document]
    position: int
    has_more: bool


class FeedRepository:
    """What was processed, in the order in which it was: an organization's feed.

    Positions count from 1 without a hole, and become visible in order. Events
    are kept for thirty days.
    """

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._events = TenantRows(database[PROCESSED_EVENTS.name], context)
        self._progress = TenantRows(database[PROGRESS.name], context)

    def head(self) -> int:
        """The position of the latest event; 0 before the first."""
        row = self._progress.find_one({})
        return 0 if row is None else row.get("position", 0)

    def after(self, position: int | None, limit: int, types: Some[str]) -> FeedPage:
        """The events behind a position that the caller may see.

        Args:
            position: None for the earliest that is kept.
            limit: The most events to give.
            types: Only events of these names; of all if there are none.

        Raises:
            InvalidInputError: 400 ``position_unknown``: beyond the end.
            ConflictError: ``position_expired``: later ones are gone already.
        """
        head = self.head()
        start = self._earliest(head) if position is None else position
        if start > head:
            raise bad_request("position_unknown", f"The feed ends at position {head}.")
        if start < head and not self._events.find_one({"position": start + 1}):
            raise ConflictError(
                "position_expired",
                "Events behind this position are gone; read the records again.",
            )
        last = min(start + _MOST_SCANNED, head)
        conditions = {
            "position": {"$gt": start, "$lte": last},
            **visible(self._context.identified_caller),
        }
        if types:
            conditions["event"] = {"$in": sorted(types)}
        rows = self._events.find(conditions, [("position", 1)], limit)
        if len(rows) == limit:
            last = rows[-1]["position"]
        return FeedPage(rows, last, has_more=last < head)

    def has(self, event_ids: Some[str]) -> bool:
        """Whether all of these events were processed."""
        known = self._events.count({"_id": {"$in": list(event_ids)}})
        return known == len(set(event_ids))

    def has_all_of(self, operation_id: str, records: int, sequences: int) -> bool:
        """Whether everything was processed that an operation announced.

        Args:
            operation_id: Which operation.
            records: Of how many records it made or changed.
            sequences: The sum of the sequences of the last event of each; as
                none can be above its last, it is reached only by all of them.
        """
        rows = self._events.find(
            {"operation_id": operation_id}, [("_id", 1)], _MOST_OF_ONE_OPERATION
        )
        last: dict[str, int] = {}
        for row in rows:
            record_id = row["aggregate"]["id"]
            last[record_id] = max(last.get(record_id, 0), row["sequence"])
        return len(last) >= records and sum(last.values()) >= sequences

    def _earliest(self, head: int) -> int:
        conditions = {"position": {"$exists": True}}
        first = self._events.find(conditions, [("position", 1)], 1)
        return first[0]["position"] - 1 if first else head


class ActivityProjection:
    """Folds batches of events of all organizations into counts and feeds."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._database = database
        self._context = context

    def apply(self, envelopes: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Count each event that has not been counted, all of them or none.

        What was counted, its place in the organization's feed and the counts
        change in one transaction, so an event that is delivered twice, or a
        batch that dies half-way, changes nothing.

        Returns:
            The rows of all these events in the feeds, whether or not they are
            new there, in order within each organization.

        Raises:
            PyMongoError: Nothing was counted.
        """

        def fold(session: ClientSession) -> list[Document]:
            fresh, rows = self._sorted_out(envelopes, session)
            if fresh:
                positions = self._advance(fresh, session)
                rows += self._append(fresh, positions, session)
                self._add(fresh, session)
            return rows

        with self._database.client.start_session() as session:
            rows = session.with_transaction(fold)
        return sorted(rows, key=lambda row: row["position"])

    def _sorted_out(
        self, envelopes: Sequence[Mapping[str, Any]], session: ClientSession
    ) -> tuple[list[Mapping[str, Any]], list[Document]]:
        """Those that are new, and the rows of the others."""
        by_id = {envelope["id"]: envelope for envelope in envelopes}
        known = list(
            self._database[PROCESSED_EVENTS.name].find(
                {"_id": {"$in": list(by_id)}}, session=session
            )
        )
        for row in known:
            del by_id[row["_id"]]
        # Earlier versions kept no feed.
        return list(by_id.values()), [row for row in known if "position" in row]

    def _advance(
        self, envelopes: Sequence[Mapping[str, Any]], session: ClientSession
    ) -> dict[str, int]:
        """Move the feeds' ends; where each was before.

        The row of an organization is locked from here to the commit, so that
        positions become visible in order.
        """
        progress = self._database[PROGRESS.name]
        now = self._context.now()
        counts = Counter(each["org_id"] for each in envelopes)
        latest = {each["org_id"]: each["occurred_at"] for each in envelopes}
        progress.bulk_write(
            [
                UpdateOne(
                    {"org_id": org_id},
                    {
                        "$inc": {"position": counts[org_id]},
                        "$set": {"computed_at": now, "lag_ms": _lag_ms(at, now)},
                    },
                    upsert=True,
                )
                for org_id, at in latest.items()
            ],
            ordered=False,
            session=session,
        )
        rows = progress.find({"org_id": {"$in": list(counts)}}, session=session)
        return {row["org_id"]: row["position"] - counts[row["org_id"]] for row in rows}

    def _append(
        self,
        envelopes: Iterable[Mapping[str, Any]],
        positions: dict[str, int],
        session: ClientSession,
    ) -> list[Document]:
        now = self._context.now()
        rows: list[Document] = []
        for envelope in envelopes:
            org_id = envelope["org_id"]
            positions[org_id] += 1
            rows.append(
                {
                    "_id": envelope["id"],
                    "org_id": org_id,
                    "processed_at": now,
                    "position": positions[org_id],
                    "resource": resource_of(envelope["aggregate"]["type"]),
                    "acl": envelope["visibility"].get("acl", []),
                    **{name: envelope[name] for name in _KEPT},
                }
            )
        self._database[PROCESSED_EVENTS.name].insert_many(
            rows, ordered=False, session=session
        )
        return rows

    def _add(
        self, envelopes: Sequence[Mapping[str, Any]], session: ClientSession
    ) -> None:
        additions = [
            UpdateOne(
                {
                    "org_id": activity.org_id,
                    "day": activity.day.isoformat(),
                    "event": activity.event,
                    "kind": activity.kind,
                },
                {"$inc": {"count": count}, "$setOnInsert": {"schema_version": 1}},
                upsert=True,
            )
            for activity, count in count_events(envelopes).items()
        ]
        self._database[ACTIVITY.name].bulk_write(
            additions, ordered=False, session=session
        )


def _lag_ms(occurred_at: str, now: datetime) -> int:
    lag = now - datetime.fromisoformat(occurred_at)
    return max(0, round(lag / timedelta(milliseconds=1)))
