"""Changing very many records, and taking an operation back: the steps of jobs.

Each step names what it is about to change before it changes it: a step that is
done again finds the same records, those that it changed included.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from chassis.errors import ConflictError, WireError
from chassis.history import History
from chassis.job_reports import JobReports, Report, refused
from chassis.jobs import Job
from chassis.many import Changed, many
from chassis.mongo import Document
from chassis.records import Record
from chassis.resources import Records
from chassis.turns import Step
from chassis.undoing import Effect, Undo, effects_of

__all__ = ["MOST_RECORDS", "BulkUpdate", "UndoOperation"]

Entity = TypeVar("Entity", bound=Record)

MOST_RECORDS: Final = 1_000_000
_BACKLOG_S: Final = 0.2
_AT_ONCE: Final = 200
# More than one request can do to one record.
_MOST_EVENTS: Final = 1_000


class BulkUpdate(Generic[Entity]):
    """One patch for every record that a filter finds.

    Which these are is decided page by page: a record that was there when the
    job was made is changed if it fits when its page is read, once.

    Args:
        records: With a :class:`ManyRepository`.
        reports: Where it is told what could not be changed.
        job: Its arguments are ``filters`` and ``changes``.
    """

    def __init__(self, records: Records[Entity], reports: JobReports, job: Job) -> None:
        self._records = records
        self._repository = many(records)
        self._reports = reports
        self._job = job

    def step(self) -> Step:
        """Change one page of records, and find the next.

        Raises:
            ConflictError: ``too_many_records``; nothing was changed.
        """
        if self._job.cursor is None:
            return self._begin()
        if self._repository.is_backed_up():
            return Step(cursor=self._job.cursor, wait_s=_BACKLOG_S)
        ids = list(self._job.cursor["ids"])
        counts = self._change(ids) if ids else Counter()
        seen = self._job.cursor["seen"] + len(ids)
        return self._next(self._job.cursor["next"], seen, counts)

    def _begin(self) -> Step:
        asked = self._job.arguments["filters"], self._job.created_at
        total = self._repository.count_writable(*asked, MOST_RECORDS)
        if total is not None and total > MOST_RECORDS:
            raise ConflictError(
                "too_many_records", f"More than {MOST_RECORDS} records; filter more."
            )
        ids, cursor = self._repository.find_writable(*asked, None)
        begun = {"ids": ids, "next": cursor, "seen": 0, "total": total}
        return Step(cursor=begun, progress=0.0)

    def _next(self, cursor: str | None, seen: int, counts: Counter[str]) -> Step:
        if cursor is None:
            return Step(cursor=None, counts=counts)
        if seen >= MOST_RECORDS:
            raise ConflictError(
                "too_many_records", f"It ended behind {MOST_RECORDS} records."
            )
        ids, following = self._repository.find_writable(
            self._job.arguments["filters"], self._job.created_at, cursor
        )
        total = self._job.cursor["total"]
        return Step(
            cursor={"ids": ids, "next": following, "seen": seen, "total": total},
            counts=counts,
            progress=seen / total if total else None,
        )

    def _change(self, ids: Sequence[str]) -> Counter[str]:
        patch = self._job.arguments["changes"]
        outcomes = self._repository.change_all(
            ids,
            lambda record: self._records.changed(record, patch),
            self._records.kind.updated,
            ties=self._records,
        )
        noun = self._repository.noun
        self._reports.add(
            self._job.id,
            [
                refused(each, noun, outcome)
                for each, outcome in outcomes.items()
                if isinstance(outcome, WireError)
            ],
        )
        return _counted(outcomes)


class UndoOperation:
    """Takes back what an operation did, record by record.

    Args:
        records: Of each kind, by its noun.
        history: The log that has the operation.
        reports: Where it is told what could not be taken back.
        job: Its argument is ``operation_id``.
    """

    def __init__(
        self,
        records: Mapping[str, Records[Any]],
        history: History,
        reports: JobReports,
        job: Job,
    ) -> None:
        self._records = records
        self._history = history
        self._reports = reports
        self._job = job
        self._operation_id = job.arguments["operation_id"]

    def step(self) -> Step:
        """Take back what was done to some of the records."""
        cursor = self._job.cursor or {"beyond": "", "seen": 0, "total": None}
        if self._has_to_wait():
            return Step(cursor=cursor, wait_s=_BACKLOG_S)
        if cursor["total"] is None:
            total = self._history.count_operation(self._operation_id, MOST_RECORDS)
            cursor = {**cursor, "total": total}
        chosen, is_last = self._next(cursor["beyond"])
        counts = self._take_back(chosen)
        if is_last:
            return Step(cursor=None, counts=counts)
        seen = cursor["seen"] + len(chosen)
        beyond = chosen[-1]["aggregate"]["id"]
        return Step(
            cursor={**cursor, "beyond": beyond, "seen": seen},
            counts=counts,
            progress=seen / cursor["total"] if cursor["total"] else None,
        )

    def _next(self, beyond: str) -> tuple[Sequence[Document], bool]:
        """Events of some hundred records, none of them cut off, and if they end it."""
        for limit in (_AT_ONCE, _MOST_EVENTS):
            rows = self._history.of_operation(self._operation_id, beyond, limit)
            if chosen := _whole(rows, limit):
                break
        return chosen or rows, len(rows) < limit

    def _has_to_wait(self) -> bool:
        """Whether the log does not have all yet, or is far behind."""
        return any(
            each.is_pending(self._operation_id) or each.is_backed_up()
            for each in map(many, self._records.values())
        )

    def _take_back(self, rows: Sequence[Document]) -> Counter[str]:
        counts: Counter[str] = Counter()
        by_noun: dict[str, list[Effect]] = {}
        for effect in effects_of(rows):
            by_noun.setdefault(effect.noun, []).append(effect)
        for noun, effects in by_noun.items():
            # Of what else the service keeps, nobody can change records like these.
            if noun in self._records:
                counts += self._undo(noun, effects)
        return counts

    def _undo(self, noun: str, effects: Sequence[Effect]) -> Counter[str]:
        records = self._records[noun]
        undo = Undo(records, effects)
        outcomes: dict[str, Changed[Any] | WireError] = {}
        ids = [each.record_id for each in effects]
        while ids:
            outcomes |= many(records).change_all(
                ids, undo.change, undo.describe, ties=records, is_archived=None
            )
            ids = [each for each in ids if undo.can_do_without(each, outcomes[each])]
        outcomes = {each: undo.judged(each, outcomes[each]) for each in outcomes}
        reports = [
            report
            for record_id, outcome in outcomes.items()
            if (report := _report(record_id, noun, outcome, undo))
        ]
        self._reports.add(self._job.id, reports)
        counts = _counted(outcomes)
        counts["conflicts"] = sum(each.outcome == "conflict" for each in reports)
        return +counts


def _whole(rows: Sequence[Document], limit: int) -> Sequence[Document]:
    """Those of at most ``limit`` rows whose record is not cut off behind them."""
    if len(rows) < limit:
        return rows
    last = rows[-1]["aggregate"]["id"]
    return [row for row in rows if row["aggregate"]["id"] != last]


def _report(
    record_id: str,
    noun: str,
    outcome: Changed[Any] | WireError,
    undo: Undo[Any],
) -> Report | None:
    if isinstance(outcome, WireError):
        return refused(record_id, noun, outcome)
    fields = undo.conflicts(outcome.record)
    if not fields:
        return None
    refusal = undo.refusal(record_id)
    return Report(
        record_id=record_id,
        noun=noun,
        outcome="conflict",
        code=refusal.code if refusal else "changed_since",
        message=refusal.message if refusal else "Somebody changed these fields since.",
        fields=tuple(sorted(fields)),
    )


def _counted(outcomes: Mapping[str, Changed[Any] | WireError]) -> Counter[str]:
    counts = Counter(
        "failed"
        if isinstance(outcome, WireError)
        else ("updated" if outcome.is_changed else "unchanged")
        for outcome in outcomes.values()
    )
    return counts + Counter(matched=len(outcomes))
