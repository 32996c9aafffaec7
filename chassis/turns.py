"""Whose turn it is: which job's next step a process does, and how it went.

A turn is a lease on one job, with an epoch: who was only asleep stores nothing
any more. Organizations take turns, and so do the jobs of one, so that a job of a
million records keeps nobody else's waiting.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from chassis.errors import WireError
from chassis.jobs import JOBS, Status, ended
from chassis.mongo import Document

__all__ = ["RETRY_DELAYS_S", "Step", "Turn", "Turns"]

# After so many failures in a row a job has failed.
RETRY_DELAYS_S: Final = (1, 2, 5, 15, 60)
_LIFE: Final = timedelta(seconds=6)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a handler says of a step that it has done.

    Attributes:
        cursor: Where the next one begins; None after the last one.
        counts: What came of this one, to be added to what there is.
        progress: What part of the job is done by now, from 0 to 1.
        wait_s: How long the next one is to wait, for something to happen.
    """

    cursor: Any
    counts: Mapping[str, int] = field(default_factory=dict)
    progress: float | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Turn:
    """The right to do one step of a job."""

    document: Document
    epoch: int

    @property
    def job_id(self) -> str:
        """The job's id."""
        return str(self.document["_id"])

    @property
    def condition(self) -> Document:
        """What the job must match while the turn is ours."""
        return {"_id": self.job_id, "epoch": self.epoch}

    @property
    def has_failed(self) -> bool:
        """Whether only its failure is left to be dealt with."""
        return self.document.get("error") is not None


class Turns:
    """The turns at the jobs of one service.

    Args:
        database: The service's own.
        dealt_with: Kinds of jobs whose failure is dealt with by a turn of its
            own, before the job is ``failed``.
    """

    def __init__(
        self, database: Database[Document], dealt_with: Collection[str] = ()
    ) -> None:
        self._rows = database[JOBS.name]
        self._dealt_with = dealt_with

    def take(self, kinds: Sequence[str]) -> Turn | None:
        """The next turn at a job of these kinds, if any may begin.

        Jobs that were cancelled meanwhile, or failed too often, are ended here.
        """
        now = _now()
        job_id = self._next(kinds, now)
        while job_id is not None:
            document = self._claim(job_id, now)
            if document is not None and self._is_to_go_on(document):
                return Turn(document, document["epoch"])
            job_id = self._next(kinds, now)
        return None

    def _next(self, kinds: Sequence[str], now: datetime) -> str | None:
        """A job of whichever organization has waited for the longest time."""
        found = self._rows.aggregate(
            [
                {"$match": {"turn_at": {"$lte": now}, "kind": {"$in": list(kinds)}}},
                {"$sort": {"turn_at": 1}},
                {
                    "$group": {
                        "_id": "$org_id",
                        "served_at": {"$max": "$served_at"},
                        "job_id": {"$first": "$_id"},
                    }
                },
                {"$sort": {"served_at": 1, "_id": 1}},
                {"$limit": 1},
            ]
        )
        return next((row["job_id"] for row in found), None)

    def _claim(self, job_id: str, now: datetime) -> Document | None:
        is_queued = {"$eq": ["$status", "queued"]}
        return self._rows.find_one_and_update(
            {"_id": job_id, "turn_at": {"$lte": now}},
            [
                {
                    "$set": {
                        "status": {"$cond": [is_queued, "running", "$status"]},
                        "started_at": {"$ifNull": ["$started_at", now]},
                        "turn_at": now + _LIFE,
                        "served_at": now,
                        "epoch": {"$add": ["$epoch", 1]},
                        "attempt": {"$add": ["$attempt", 1]},
                    }
                }
            ],
            return_document=ReturnDocument.AFTER,
        )

    def _is_to_go_on(self, document: Document) -> bool:
        turn = Turn(document, document["epoch"])
        if document["status"] == "cancelling":
            self._end(turn, "cancelled")
            return False
        if document["attempt"] > len(RETRY_DELAYS_S) + 1:
            # Not one of these attempts lived to say what was wrong.
            self._give_up(turn, _error("job_died", "A step of it never ends."))
            return False
        return True

    def renew(self, turn: Turn) -> None:
        """Keep a turn for as long again."""
        self._rows.update_one(turn.condition, {"$set": {"turn_at": _now() + _LIFE}})

    def conclude(self, turn: Turn, step: Step) -> None:
        """Store what a step did and where the next one begins, in one write.

        Nothing is stored if another process has taken the job over: it does,
        or did, the same.
        """
        now = _now()
        update: Document = {
            "$set": {
                "cursor": step.cursor,
                "attempt": 0,
                "updated_at": now,
                "turn_at": now + timedelta(seconds=step.wait_s),
            }
        }
        if step.progress is not None:
            update["$set"]["progress"] = min(max(step.progress, 0.0), 1.0)
        if step.counts:
            update["$inc"] = {f"counts.{name}": n for name, n in step.counts.items()}
        if step.cursor is None:
            last = ended("done", now)
            update["$set"] = {**update["$set"], **last["$set"], "progress": 1.0}
            del update["$set"]["turn_at"]
            update["$unset"] = last["$unset"]
        self._rows.update_one(turn.condition, update)

    def put_off(self, turn: Turn, failure: BaseException) -> bool:
        """Have a step that failed tried again later, unless that is no use.

        Returns:
            Whether the job has failed by that.
        """
        if (
            isinstance(failure, WireError)
            and failure.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and not turn.has_failed
        ):
            self._give_up(turn, _error(failure.code, failure.message))
            return True
        attempt = turn.document["attempt"]
        if attempt > len(RETRY_DELAYS_S):
            message = (
                f"It failed {attempt} times in a row; the operator's log says how."
            )
            self._give_up(turn, _error("job_failed", message))
            return True
        later = _now() + timedelta(seconds=RETRY_DELAYS_S[attempt - 1])
        self._rows.update_one(turn.condition, {"$set": {"turn_at": later}})
        return False

    def fail(self, turn: Turn) -> None:
        """End a job whose failure has been dealt with."""
        self._end(turn, "failed", turn.document["error"])

    def _give_up(self, turn: Turn, error: Document) -> None:
        """Do no further step of a job; have its failure dealt with, or end it.

        What cannot be dealt with in as many attempts is not tried for ever.
        """
        if turn.has_failed:
            self.fail(turn)
        elif turn.document["kind"] in self._dealt_with:
            given_up = {"error": error, "attempt": 0, "turn_at": _now()}
            self._rows.update_one(turn.condition, {"$set": given_up})
        else:
            self._end(turn, "failed", error)

    def _end(self, turn: Turn, status: Status, error: Document | None = None) -> None:
        update = ended(status, _now())
        if error is not None:
            update["$set"]["error"] = error
        self._rows.update_one(turn.condition, update)


def _error(code: str, message: str) -> Document:
    return {"code": code, "message": message}


def _now() -> datetime:
    return datetime.now(tz=UTC)
