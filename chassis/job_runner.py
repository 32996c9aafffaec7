"""The entrypoint for jobs: long work, done step by step in the events role."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import eventlet
from eventlet.event import Event as Signal
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from pymongo.errors import PyMongoError

from chassis.context import KEY, Context
from chassis.documents import field_names, value_of
from chassis.jobs import Job, caller_of
from chassis.mongo import Document, MongoDatabase
from chassis.turns import Turn, Turns

__all__ = [
    "JobFailureHandler",
    "JobHandler",
    "JobRunner",
    "job_failure_handler",
    "job_handler",
]

logger = logging.getLogger(__name__)

_IDLE_S: Final = 0.5
# A step may take longer than a turn lasts, as long as its process is well.
_RENEW_S: Final = 2.0
_LONGEST_STEP_S: Final = 60.0
# What others are left of a processor, as a share of what a step took.
_REST: Final = 0.1
_LONGEST_REST_S: Final = 0.5

Method = TypeVar("Method", bound=Callable[..., Any])


class JobRunner(SharedExtension, ProviderCollector):  # type: ignore[misc]
    """Does one step at a time in this process, of whichever job's turn it is."""

    mongo = MongoDatabase()

    def setup(self) -> None:
        """Prepare to run."""
        self._stopping = Signal()

    def start(self) -> None:
        """Begin to look for jobs."""
        self._handlers: dict[str, JobHandler] = {}
        self._failure_handlers: dict[str, JobHandler] = {}
        for each in self._providers:
            is_last = isinstance(each, JobFailureHandler)
            handlers = self._failure_handlers if is_last else self._handlers
            handlers[each.kind] = each
        self._turns = Turns(self.mongo.database, self._failure_handlers)
        self._loop = self.container.spawn_managed_thread(self._run)

    def end(self) -> None:
        """Finish the step at hand and begin no other; twice is the same.

        To be called before the database closes, which is as soon as the
        entrypoints have stopped.
        """
        if not self._stopping.ready():
            self._stopping.send(None)
        self._loop.wait()

    def _run(self) -> None:
        while not self._stopping.ready():
            pause_s = _IDLE_S
            try:
                turn = self._turns.take(list(self._handlers))
                if turn is not None:
                    started = time.monotonic()
                    self._do(turn)
                    took_s = time.monotonic() - started
                    pause_s = min(took_s * _REST, _LONGEST_REST_S)
            except PyMongoError as error:
                logger.warning("jobs wait", extra={"error": repr(error)})
            with eventlet.Timeout(pause_s, exception=False):
                self._stopping.wait()

    def _do(self, turn: Turn) -> None:
        handlers = self._failure_handlers if turn.has_failed else self._handlers
        handler = handlers[turn.document["kind"]]
        try:
            step, failure = self._call(turn, handler)
        except ContainerBeingKilled:
            # Somebody else does it, as if this process were dead already.
            return
        if failure is None:
            if turn.has_failed:
                self._turns.fail(turn)
            else:
                self._turns.conclude(turn, step)
            return
        has_failed = self._turns.put_off(turn, failure)
        extra = {"job_id": turn.job_id, "kind": handler.kind, "has_failed": has_failed}
        logger.error("step of a job failed", extra=extra, exc_info=failure)

    def _call(self, turn: Turn, handler: "JobHandler") -> tuple[Any, Any]:
        """Run the method in a worker; its result, or why there is none."""
        done = Signal()

        def handle_result(
            _worker_ctx: Any, result: Any, exc_info: Any
        ) -> tuple[Any, Any]:
            done.send((result, None if exc_info is None else exc_info[1]))
            return result, exc_info

        job = _job(turn.document)
        self.container.spawn_worker(
            handler,
            (job,),
            {},
            context_data={KEY: _context(job)},
            handle_result=handle_result,
        )
        give_up_at = time.monotonic() + _LONGEST_STEP_S
        while not done.ready():
            with eventlet.Timeout(_RENEW_S, exception=False):
                done.wait()
            if not done.ready() and time.monotonic() < give_up_at:
                self._turns.renew(turn)
        outcome: tuple[Any, Any] = done.wait()
        return outcome


class JobHandler(Entrypoint):  # type: ignore[misc]
    """Calls the method with a :class:`Job` for each step; it returns a ``Step``.

    A refusal (a ``WireError`` below 500) fails the job; whatever else goes
    wrong is tried again a few times, with growing pauses.

    Args:
        kind: Which jobs.
    """

    runner = JobRunner()

    def __init__(self, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)

    def setup(self) -> None:
        """Tell the runner whom to call."""
        self.runner.register_provider(self)

    def stop(self) -> None:
        """Wait until no step of any job is under way."""
        self.runner.end()
        self.runner.unregister_provider(self)


class JobFailureHandler(JobHandler):
    """Calls the method with a :class:`Job` that is about to be ``failed``.

    Its ``error`` says why, be it that a step was refused, failed too often or
    that nobody survived it. What waits for the job says so from then on. Called
    again if the process dies or the method fails, and once that has happened six
    times in a row the job is ``failed`` all the same; so twice does no harm.
    """


def job_handler(kind: str) -> Callable[[Method], Method]:
    """Carry out the jobs of one kind, step by step; see :class:`JobHandler`."""
    return JobHandler.decorator(kind)  # type: ignore[no-any-return]


def job_failure_handler(kind: str) -> Callable[[Method], Method]:
    """Deal with the failure of jobs of one kind; see :class:`JobFailureHandler`."""
    return JobFailureHandler.decorator(kind)  # type: ignore[no-any-return]


def _job(document: Document) -> Job:
    stored = {
        name: value_of(document[name]) for name in field_names(Job) if name in document
    }
    return Job(id=document["_id"], **stored)


def _context(job: Job) -> Context:
    """A step acts for whoever made the job, with the rights they had then."""
    return Context(
        caller=caller_of(job),
        org_id=job.org_id,
        actor=job.actor,
        operation_id=job.operation_id,
        request_id=job.request_id,
        traceparent=job.traceparent,
        deadline=time.time() + _LONGEST_STEP_S,
        # What an attempt before this one wrote, nobody may have heard of.
        is_repeated=job.attempt > 1,
    )
