"""What a job could not do, or only in part, record by record.

A report names fields, never values: those are read where they are kept when
somebody asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from pymongo.database import Database

from chassis.context import Context
from chassis.errors import WireError
from chassis.ids import derive_id
from chassis.mongo import Collection, Document, Index, by
from chassis.rows import TenantRows

__all__ = ["JOB_REPORTS", "JobReports", "Report", "refused"]

JOB_REPORTS: Final = Collection(
    "job_reports",
    (by("job_id"), Index((("expires_at", 1),), expires_after_s=0)),
)
# Of one job, about; beyond, only its counts tell.
_MOST: Final = 10_000
_KEPT: Final = timedelta(days=90)

Outcome = Literal["failed", "conflict"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Of one record.

    Attributes:
        noun: Which kind of record it is.
        outcome: ``failed``: it was not changed; ``conflict``: some of its
            fields were not.
        code: Why, as of a refusal.
        fields: Those in conflict.
    """

    record_id: str
    noun: str
    outcome: Outcome
    code: str
    message: str
    fields: tuple[str, ...] = ()


def refused(record_id: str, noun: str, refusal: WireError) -> Report:
    """The report of a record that could not be changed."""
    return Report(
        record_id=record_id,
        noun=noun,
        outcome="failed",
        code=refusal.code,
        message=refusal.message,
    )


class JobReports:
    """The reports of an organization's jobs."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = TenantRows(database[JOB_REPORTS.name], context)
        self._context = context

    def add(self, job_id: str, reports: Sequence[Report]) -> None:
        """Keep reports for 90 days; one that is there already stays as it is."""
        if not reports or self._rows.count({"job_id": job_id}, _MOST) >= _MOST:
            return
        expires_at = self._context.now() + _KEPT
        self._rows.insert_many(
            [
                {
                    "_id": derive_id(job_id, each.record_id),
                    "job_id": job_id,
                    "expires_at": expires_at,
                    **vars(each),
                    "fields": list(each.fields),
                }
                for each in reports
            ]
        )

    def page(
        self, job_id: str, beyond: str | None, limit: int
    ) -> list[tuple[str, Report]]:
        """Reports of a job, each behind its id, from behind the id ``beyond`` on."""
        asked: dict[str, Any] = {"job_id": job_id}
        if beyond is not None:
            asked["_id"] = {"$gt": beyond}
        return [
            (row["_id"], _report(row))
            for row in self._rows.find(asked, [("_id", 1)], limit)
        ]


def _report(row: Document) -> Report:
    return Report(
        record_id=row["record_id"],
        noun=row["noun"],
        outcome=row["outcome"],
        code=row["code"],
        message=row["message"],
        fields=tuple(row["fields"]),
    )
