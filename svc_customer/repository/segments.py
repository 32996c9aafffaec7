"""Segments in MongoDB: their definitions, not who is in them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.jobs import Jobs, ended
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from chassis.rows import TenantRows
from svc_customer.domain.segments import KINDS, MOST_SEGMENTS, RESOURCES, Segment
from svc_customer.repository.segment_conditions import names_hidden

__all__ = [
    "BUILD_SEGMENT",
    "SEGMENTS",
    "SEGMENT_LOCKS",
    "SEGMENT_SIZES",
    "DueSegments",
    "SegmentJobs",
    "SegmentRepository",
]

SEGMENTS: Final = Collection(
    "segments",
    (
        PENDING_INDEX,
        # A name is free again when its segment is put away.
        Index(
            (("org_id", 1), ("name_key", 1)), is_unique=True, partial={"is_live": True}
        ),
        # Of all organizations: whose members are to be counted, or looked at
        # again because a day begins.
        Index((("recount_at", 1),), is_sparse=True),
        Index((("due_at", 1),), is_sparse=True),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
        by("folded.name"),
        by("resource", "created_at"),
        by("kind", "created_at"),
        by("owner_id", "created_at"),
        by("grams", "created_at"),
    ),
)
SEGMENT_LOCKS: Final = Collection("segment_locks")
SEGMENT_SIZES: Final = Collection(
    "segment_sizes",
    (
        by("segment_id", "day"),
        Index((("at", 1),), expires_after_s=400 * 24 * 3_600),
    ),
)
BUILD_SEGMENT: Final = "build_segment"
_MOST_DAYS: Final = 400


class SegmentRepository(Repository[Segment]):
    """Segments of one organization."""

    collection = SEGMENTS
    noun = "segment"
    resource = "segments"
    entity = Segment
    fields: ClassVar[Mapping[str, Field]] = {
        "name": Field("text", is_sortable=True),
        "resource": Field(choices=RESOURCES),
        "kind": Field(choices=KINDS),
        "owner_id": Field(),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def __init__(self, database: Database[Document], context: Context) -> None:
        super().__init__(database, context)
        self._locks = TenantRows(database[SEGMENT_LOCKS.name], context)
        self._sizes = TenantRows(database[SEGMENT_SIZES.name], context)

    def index_fields(self, entity: Segment) -> Document:
        """The name in one spelling."""
        return {"name_key": entity.name.casefold()}

    def shown_changes(
        self, record: Segment, changes: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Mapping[str, Any]]:
        """Nor a definition that asks for hidden fields of its records; one did."""
        shown = super().shown_changes(record, changes)
        caller = self._context.caller
        if caller is not None and any(
            names_hidden(replace(record, definition=each), caller)
            for each in shown.get("definition", {}).values()
        ):
            del shown["definition"]
        return shown

    def lock(self) -> None:
        """Have all others wait, until the transaction ends, who change segments."""
        self._locks.upsert({"_id": self._rows.org_id}, {"$inc": {"turns": 1}})

    def has_name(self, name: str, besides: str) -> bool:
        """Whether another live segment is called so, whoever asks."""
        conditions = {
            "name_key": name.casefold(),
            "is_live": True,
            "_id": {"$ne": besides},
        }
        return self._rows.find_one(conditions) is not None

    def all_live(self) -> dict[str, Segment]:
        """All that are not archived, by id, and one more than there may be."""
        rows = self._rows.find({"archived_at": None}, [("_id", 1)], MOST_SEGMENTS + 1)
        return {row["_id"]: self.restore(row) for row in rows}

    def stages(self, segment_ids: Iterable[str]) -> dict[str, tuple[int, int, int]]:
        """How far the builds of these have come, by id; see ``Segment.stage``."""
        wanted, parts = (
            {"_id": {"$in": list(segment_ids)}},
            ("build", "built", "settled"),
        )
        rows = self._rows.find(wanted, [("_id", 1)], MOST_SEGMENTS + 1, only=parts)
        return {
            row["_id"]: (row["build"], row["built"], row.get("settled", 0))
            for row in rows
        }

    def note_settled(self, segment_id: str, build: int) -> None:
        """Note that it was told who came by a build and who went."""
        settled = {"$set": {"settled": build}}
        self._rows.update({"_id": segment_id, "built": build}, settled)

    def fail(self, segment_id: str, build: int, error: Mapping[str, str]) -> None:
        """Note that a definition can be evaluated no longer, and why."""
        failed = {"$set": {"failed_build": build, "failure": error}}
        self._rows.update({"_id": segment_id, "build": build}, failed)

    def fail_build(self, segment_id: str, build: int, error: Mapping[str, str]) -> None:
        """Note that a build cannot be completed and told, unless it was, and why."""
        failed = {"$set": {"failed_build": build, "failure": error}}
        unfinished = {"build": build, "settled": {"$ne": build}}
        self._rows.update({"_id": segment_id, **unfinished}, failed)

    def expect_recount(self, segment_ids: Iterable[str], now: datetime) -> None:
        """Have members counted soon, as some are about to come or go, or did.

        To be said before, as whoever dies in between has them counted for nothing,
        and behind it again, as they may be counted in between.
        """
        for segment_id in segment_ids:
            self._rows.update({"_id": segment_id}, {"$set": {"recount_at": now}})

    def note_clock(
        self, segment_id: str, clock: datetime, due_at: datetime | None
    ) -> None:
        """Note as of when time has had its effect, and when it has one next, if so."""
        noted, gone = {"clock": clock}, {"due_after": ""}
        if due_at is None:
            gone["due_at"] = ""
        else:
            noted["due_at"] = due_at
        self._rows.update({"_id": segment_id}, {"$set": noted, "$unset": gone})

    def note_place(self, segment_id: str, place: list[Any]) -> None:
        """Note how far it was looked at whom time has had an effect on."""
        self._rows.update({"_id": segment_id}, {"$set": {"due_after": place}})

    def note_size(
        self, segment_id: str, size: int, now: datetime, expected_at: datetime
    ) -> None:
        """Store how many there are; once more soon if others came meanwhile.

        Tomorrow again, so that every day has a size.
        """
        day = now.date()
        sized = {"size": size, "evaluated_at": now}
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = midnight + timedelta(days=1)
        self._rows.update({"_id": segment_id}, {"$set": sized})
        self._rows.update(
            {"_id": segment_id, "recount_at": expected_at},
            {"$set": {"recount_at": tomorrow}},
        )
        self._sizes.upsert(
            {"_id": f"{segment_id}:{day.isoformat()}"},
            {
                "$set": {"size": size, "at": now},
                "$min": {"lowest": size},
                "$max": {"highest": size},
                "$setOnInsert": {
                    "segment_id": segment_id,
                    "day": day.isoformat(),
                    "schema_version": 1,
                },
            },
        )

    def sizes(self, segment_id: str) -> list[Document]:
        """How many there were, day by day, the latest first."""
        return self._sizes.find(
            {"segment_id": segment_id}, [("day", -1), ("_id", -1)], _MOST_DAYS
        )


class SegmentJobs(Jobs):
    """The builds of one organization's segments.

    A change of one segment may have all others built anew. They are as many as
    there are segments, since whatever waits is overtaken by the next.
    """

    resource = "segments"
    is_limited = False

    def overtake(self, segment_id: str, by: str) -> None:
        """End those builds of a segment that have not begun, but for one."""
        waiting = {
            "_id": {"$ne": by},
            "status": "queued",
            "kind": BUILD_SEGMENT,
            "arguments.segment_id": segment_id,
        }
        self._rows.update_all(waiting, ended("cancelled", self._context.now()))


class DueSegments:
    """Segments of all organizations that a timer has to look at."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[SEGMENTS.name]

    def to_count(self, now: datetime, limit: int) -> list[Document]:
        """Those whose members are to be counted, who has waited longest first."""
        return self._find("recount_at", now, limit)

    def to_turn(self, now: datetime, limit: int) -> list[Document]:
        """Those on whose members time has an effect now."""
        return self._find("due_at", now, limit)

    def _find(self, name: str, now: datetime, limit: int) -> list[Document]:
        conditions = {name: {"$lte": now}, "archived_at": None}
        return list(self._rows.find(conditions, sort=[(name, 1)], limit=limit))
