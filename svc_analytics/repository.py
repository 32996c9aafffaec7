"""The read models of svc_analytics, for one organization or for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from chassis.context import Context
from chassis.mongo import Collection, Document, Index, TenantRows
from svc_analytics.domain import Activity, count_events

__all__ = ["COLLECTIONS", "ActivityProjection", "ActivityRepository"]

ACTIVITY: Final = Collection(
    "activity",
    (Index((("org_id", 1), ("day", 1), ("event", 1), ("kind", 1)), is_unique=True),),
)
PROGRESS: Final = Collection("progress", (Index((("org_id", 1),), is_unique=True),))
PROCESSED_EVENTS: Final = Collection(
    "processed_events",
    (Index((("processed_at", 1),), expires_after_s=30 * 24 * 3_600),),
)
COLLECTIONS: Final = (ACTIVITY, PROGRESS, PROCESSED_EVENTS)
_MOST_ROWS: Final = 100_000


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


class ActivityProjection:
    """Folds batches of events of all organizations into the counts."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._database = database
        self._context = context

    def apply(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        """Count each event that has not been counted, all of them or none.

        The marks of what was counted and the counts change in one
        transaction, so an event that is delivered twice, or a batch that
        dies half-way, changes nothing.

        Raises:
            PyMongoError: Nothing was counted.
        """

        def fold(session: ClientSession) -> None:
            fresh = self._fresh(envelopes, session)
            if fresh:
                self._mark(fresh, session)
                self._add(fresh, session)

        with self._database.client.start_session() as session:
            session.with_transaction(fold)

    def _fresh(
        self, envelopes: Sequence[Mapping[str, Any]], session: ClientSession
    ) -> list[Mapping[str, Any]]:
        by_id = {envelope["id"]: envelope for envelope in envelopes}
        known = self._database[PROCESSED_EVENTS.name].find(
            {"_id": {"$in": list(by_id)}}, {"_id": 1}, session=session
        )
        for row in known:
            del by_id[row["_id"]]
        return list(by_id.values())

    def _mark(
        self, envelopes: Iterable[Mapping[str, Any]], session: ClientSession
    ) -> None:
        now = self._context.now()
        self._database[PROCESSED_EVENTS.name].insert_many(
            [
                {"_id": each["id"], "org_id": each["org_id"], "processed_at": now}
                for each in envelopes
            ],
            ordered=False,
            session=session,
        )

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
        now = self._context.now()
        latest = {each["org_id"]: each["occurred_at"] for each in envelopes}
        self._database[PROGRESS.name].bulk_write(
            [
                UpdateOne(
                    {"org_id": org_id},
                    {"$set": {"computed_at": now, "lag_ms": _lag_ms(at, now)}},
                    upsert=True,
                )
                for org_id, at in latest.items()
            ],
            ordered=False,
            session=session,
        )


def _lag_ms(occurred_at: str, now: datetime) -> int:
    lag = now - datetime.fromisoformat(occurred_at)
    return max(0, round(lag / timedelta(milliseconds=1)))
