"""Long work: jobs, which outlive the request, the token and the process.

A request stores a job and answers at once. The events role carries it out in
steps of about a second (``chassis.job_runner``): what a step did and where the
next one begins are stored in one write. A step whose process died is done again
by another, so a handler makes its steps such that twice does no harm; its writes
carry the job's ``operation_id``, by which repositories know them.

A job acts with the rights that its maker had when it was made.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from pymongo.errors import DuplicateKeyError

from chassis.auth import Caller
from chassis.context import Actor
from chassis.errors import ConflictError
from chassis.fields import Field
from chassis.ids import derive_id
from chassis.mongo import Collection, Document, Index, by
from chassis.reader import Reader
from chassis.restrictions import read_restrictions

__all__ = ["JOBS", "UNFINISHED", "Job", "Jobs", "Status", "caller_of", "ended"]

Status = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]

JOBS: Final = Collection(
    "jobs",
    (
        # Of the unfinished, in every organization: when a step may begin.
        Index((("turn_at", 1),), is_sparse=True),
        by("created_at"),
        by("status", "created_at"),
        by("kind", "created_at"),
        by("acl", "created_at"),
        by("operation_id"),
        Index((("expires_at", 1),), expires_after_s=0),
    ),
)
UNFINISHED: Final[tuple[Status, ...]] = ("queued", "running", "cancelling")
_STATUSES: Final[tuple[Status, ...]] = (*UNFINISHED, "done", "failed", "cancelled")
_MOST_UNFINISHED: Final = 20
_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that takes longer than a request.

    Attributes:
        kind: Whose handler carries it out.
        arguments: What is to be done, as the handler knows to read it.
        cursor: Where the next step begins; None before the first one.
        counts: What came of it so far.
        progress: What part of it is done, from 0 to 1, where that is known.
        operation_id: What its writes carry.
        caller: On whose behalf, as ``caller_of`` reads it.
        attempt: How often the next step has been begun.
        error: ``{"code", "message"}`` of why it failed, or is about to be
            ``failed``, as soon as that has been dealt with.
    """

    id: str
    org_id: str
    kind: str
    arguments: Mapping[str, Any]
    operation_id: str
    request_id: str
    traceparent: str
    actor: Actor
    caller: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    status: Status = "queued"
    cursor: Any = None
    counts: Mapping[str, int] = field(default_factory=dict)
    progress: float | None = None
    attempt: int = 0
    error: Mapping[str, str] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 1
    sequence: int = 0
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    archived_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in UNFINISHED


def caller_of(job: Job) -> Caller:
    """Whoever made the job, with the rights they had then."""
    stored: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in job.caller.items()
    }
    stored["restrictions"] = read_restrictions(stored["restrictions"])
    return Caller(**stored)


def _stored(caller: Caller) -> Document:
    restrictions = {
        resource: {"none": sorted(kept.hidden), "read": sorted(kept.unwritable)}
        for resource, kept in caller.restrictions.items()
    }
    return {**asdict(caller), "restrictions": restrictions}


class Jobs(Reader[Job]):
    """The jobs of some kinds in one organization.

    Whoever made a job may see it; all of them are seen by whom ``resource``
    is permitted to.
    """

    collection = JOBS
    noun = "job"
    entity = Job
    fields: ClassVar[Mapping[str, Field]] = {
        "id": Field("id", "_id"),
        "kind": Field(),
        "status": Field(choices=_STATUSES),
        "operation_id": Field("id"),
        "created_at": Field("datetime", is_sortable=True),
    }
    # Subclasses ask for the kinds that clients know as one resource.
    live: ClassVar[Mapping[str, Any]] = {}
    # Whether twenty of an organization may be unfinished, with others of which it
    # is true; what else bounds them is for a subclass to say that has them free.
    is_limited: ClassVar[bool] = True

    def get(self, record_id: str) -> Job:
        """A job that the caller may see.

        Raises:
            NotFoundError: ``<noun>_not_found``.
        """
        conditions = {"_id": record_id, **self.live, **self._rights("read")}
        return self.restore(self._found(self._rows.find_one(conditions)))

    def add(self, job_id: str, kind: str, arguments: Mapping[str, Any]) -> Job:
        """Store a job on behalf of the caller; its first step begins within a second.

        Adding it again changes nothing and returns what is stored.

        Args:
            job_id: Derived from the operation that asks for it.
            kind: A handler's.
            arguments: What BSON can hold; no more than is needed.

        Raises:
            ConflictError: ``too_many_jobs``: twenty of the organization wait,
                if these are limited.
        """
        found = self._rows.find_one({"_id": job_id})
        if found is not None:
            return self.restore(found)
        if self.is_limited:
            self._refuse_if_many()
        now, caller = self._context.now(), self._context.identified_caller
        document = {
            "_id": job_id,
            "kind": kind,
            "status": "queued",
            "arguments": dict(arguments),
            "operation_id": derive_id(job_id, "operation"),
            "request_id": self._context.request_id,
            "traceparent": self._context.traceparent,
            "actor": self._context.actor,
            "caller": _stored(caller),
            "acl": [caller.principal_id],
            "is_limited": self.is_limited,
            "counts": {},
            "attempt": 0,
            "epoch": 0,
            "turn_at": now,
            "served_at": now,
            "created_at": now,
            "updated_at": now,
        }
        try:
            self._rows.insert(document)
        except DuplicateKeyError:
            document = self._found(self._rows.find_one({"_id": job_id}))
        return self.restore({**document, "org_id": self._rows.org_id})

    def _refuse_if_many(self) -> None:
        waiting = {
            "status": {"$in": list(UNFINISHED)},
            "is_limited": {"$ne": False},
        }
        if self._rows.count(waiting, _MOST_UNFINISHED) >= _MOST_UNFINISHED:
            raise ConflictError(
                "too_many_jobs", "Many jobs are unfinished; wait for one, or cancel it."
            )

    def find_unfinished(self, operation_id: str) -> Job | None:
        """The job, of whatever kind, that is still making this operation's writes."""
        document = self._rows.find_one(
            {"operation_id": operation_id, "status": {"$in": list(UNFINISHED)}}
        )
        return None if document is None else self.restore(document)

    def cancel(self, job_id: str) -> Job:
        """Have no further step of a job begin.

        One that is at work ends in about a second; until then the job is
        ``cancelling``. What was done stays done. Cancelling it twice is the same.

        Raises:
            NotFoundError: ``<noun>_not_found``.
            ConflictError: ``job_finished``: there is nothing left to cancel.
        """
        job = self.get(job_id)
        now = self._context.now()
        self._rows.update(
            {"_id": job_id, "status": {"$in": ["queued", "running"]}},
            {"$set": {"status": "cancelling", "updated_at": now}},
        )
        # Whoever is at work has its turn until later; nobody is otherwise.
        self._rows.update(
            {"_id": job_id, "status": "cancelling", "turn_at": {"$lte": now}},
            ended("cancelled", now),
        )
        job = self.get(job_id)
        if job.status not in {"cancelling", "cancelled"}:
            raise ConflictError("job_finished", "The job is finished.")
        return job

    def _rights(self, action: str) -> Document:
        caller = self._context.identified_caller
        if caller.allows(f"{self.resource}:{action}"):
            return {}
        return {"acl": caller.principal_id}


def ended(status: Status, now: datetime) -> Document:
    """The update that makes a job one of the finished."""
    return {
        "$set": {
            "status": status,
            "updated_at": now,
            "finished_at": now,
            "expires_at": now + _KEPT,
        },
        "$unset": {"turn_at": ""},
    }
