"""Keeping segments' members up to date: in builds, after changes, as time goes by."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from chassis import inject
from chassis.broadcasting import Broadcast, Broadcaster
from chassis.context import Context
from chassis.errors import NotFoundError, WireError
from chassis.fields import Clock
from chassis.giving_way import turn
from chassis.ids import derive_id
from chassis.job_runner import job_failure_handler, job_handler
from chassis.jobs import Job
from chassis.mongo import Document, Repositories, Transaction, Transactions
from chassis.signing import CurrentContext
from chassis.topology import TOUCHED_EXCHANGE
from chassis.turns import Step
from svc_customer import events
from svc_customer.domain.definitions import Happened, Property, leaves
from svc_customer.domain.segments import Segment, expanded, referring
from svc_customer.repository.memberships import Memberships
from svc_customer.repository.segment_clock import SegmentClock, is_timely, next_turn
from svc_customer.repository.segment_moves import Plan
from svc_customer.repository.segments import (
    BUILD_SEGMENT,
    SegmentJobs,
    SegmentRepository,
)

__all__ = ["SegmentBuilds", "SegmentProjection"]

_SERVICE: Final = "customer"
_STEP_S: Final = 0.7
_AT_ONCE: Final = 1_000
_BACKLOG_S: Final = 0.2


class SegmentBuilds:
    """Having segments evaluated from the beginning."""

    context: Context = inject(CurrentContext())
    segments: SegmentRepository = inject(Repositories(SegmentRepository))
    segment_jobs: SegmentJobs = inject(Repositories(SegmentJobs))
    transaction: Transaction = inject(Transactions())

    def alone(self, change: Callable[[], Segment]) -> Segment:
        """Change segments in a transaction that has the organization's to itself.

        A build and the job that makes it are stored together, or neither is.

        Raises:
            ConflictError: ``too_many_writers``.
        """

        def work() -> Segment:
            self.segments.lock()
            return change()

        with turn(f"segments {self.context.org_id}", self.context.deadline):
            segment: Segment = self.transaction(work)
        return segment

    def start_build(self, segment: Segment) -> None:
        """Have a segment's latest build made; twice is the same."""
        arguments = {"segment_id": segment.id, "build": segment.build}
        job_id = derive_id(segment.id, f"build {segment.build}")
        self.segment_jobs.overtake(segment.id, by=job_id)
        self.segment_jobs.add(job_id, BUILD_SEGMENT, arguments)

    def rebuild_referring(self, segment: Segment) -> None:
        """Have all segments built anew whose definition depends on this one.

        In the transaction that changes this one.
        """
        now = self.context.now()
        for each in referring(segment.id, self.segments.all_live().values()):
            rebuilt = self.segments.change(
                each.id, lambda before: before.rebuilt(now), events.segment_updated
            )
            self.start_build(rebuilt)


class SegmentProjection(SegmentBuilds):
    """What the events role does for segments."""

    memberships: Memberships = inject(Repositories(Memberships))
    segment_clock: SegmentClock = inject(Repositories(SegmentClock))
    news: Broadcaster = inject(Broadcast(TOUCHED_EXCHANGE))

    def evaluate_segments(self, resource: str, records: Mapping[str, Context]) -> None:
        """Let records be in the dynamic segments whose definition they fit by now.

        In the organization of the context. It compares what is with what should
        be, so that twice does no harm.

        Args:
            resource: Of the records.
            records: Their ids, each with the context of what happened with it.
        """
        self._evaluate(
            resource,
            records,
            lambda each: each.kind == "dynamic" and each.resource == resource,
        )

    def _evaluate(
        self,
        resource: str,
        records: Mapping[str, Context],
        is_meant: Callable[[Segment], bool],
    ) -> None:
        """Evaluate some segments for some records.

        Once more where a build began or was completed meanwhile: what was written
        as for one that is under way would not be told, or the other way round.
        """
        stages: dict[str, tuple[int, int, int]] | None = None
        while True:
            live = self.segments.all_live()
            meant = [each for each in live.values() if is_meant(each)]
            before, stages = stages, {each.id: each.stage for each in meant}
            if stages == before:
                return
            plans = [plan for each in meant if (plan := self._plan(each, live))]
            if not plans:
                return
            now = self.context.now()
            self.memberships.evaluate(resource, records, plans, live, now)

    def _plan(self, segment: Segment, live: Mapping[str, Segment]) -> Plan | None:
        """How to evaluate a segment.

        None if its definition holds no longer, or if its build has yet to begin:
        that will look at every record.
        """
        is_building = segment.built != segment.build
        if is_building and segment.settled != segment.built:
            return None
        try:
            plan = Plan(segment, expanded(segment, live), is_building=is_building)
            self.memberships.check(plan, live, self.context.now())
        except WireError as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            if segment.error != error:
                self.segments.fail(segment.id, segment.build, error)
                self._tell_that_it_failed(segment.id)
            return None
        return plan

    @job_handler(BUILD_SEGMENT)
    def build_segment(self, job: Job) -> Step:
        """Look at every live record, a thousand at a time, and tell the difference.

        Whoever comes in or goes out meanwhile is looked at by
        ``evaluate_segments``, for this build too. The members of the build
        before are shown until this one is complete; then it is told of each
        record that came or went by it. A step that is done again finds nothing
        left to do; a build that was overtaken ends, and the next one tells what
        this one had yet to tell.
        """
        segment_id, build = job.arguments["segment_id"], job.arguments["build"]
        segment = self.segments.find(segment_id)
        if segment is None or segment.archived_at or segment.build != build:
            return Step(cursor=None)
        return self._step(segment, job.cursor)

    @job_failure_handler(BUILD_SEGMENT)
    def on_build_failed(self, job: Job) -> None:
        """Say of the segment that it could not be built, and why.

        Unless it has another build by now. Idempotent: it says the same again.
        """
        segment_id, build = job.arguments["segment_id"], job.arguments["build"]
        self.segments.fail_build(segment_id, build, job.error or {})
        self._tell_that_it_failed(segment_id)

    def _tell_that_it_failed(self, segment_id: str) -> None:
        """Have those who keep a segment in memory read it again."""
        self.news.send([{"org_id": self.context.org_id, "touched": [segment_id]}])

    def _step(self, segment: Segment, cursor: Any) -> Step:
        if segment.settled != segment.built:
            return self._tell(segment)
        if segment.built == segment.build:
            return Step(cursor=None)
        live = self.segments.all_live()
        plan = Plan(segment, expanded(segment, live), is_building=True)
        place = cursor or _beginning(self.context.now())
        after, looked_at = place["after"], 0
        until = time.monotonic() + _STEP_S
        while time.monotonic() < until:
            ids, after = self.memberships.walk(segment.resource, after, _AT_ONCE)
            self._look_at(ids, plan, live)
            looked_at += len(ids)
            if after is None:
                self._complete(plan, place["clock"])
                break
        # What is to be told of it is told by steps of their own.
        step = {"after": after, "clock": place["clock"]}
        return Step(cursor=step, counts={"looked_at": looked_at})

    def _look_at(
        self, ids: Sequence[str], plan: Plan, live: Mapping[str, Segment]
    ) -> None:
        """Evaluate one segment for records with which nothing has happened."""
        records = dict.fromkeys(ids, self.context.of_service(_SERVICE))
        now = self.context.now()
        self.memberships.evaluate(plan.segment.resource, records, [plan], live, now)

    def _complete(self, plan: Plan, clock: datetime) -> None:
        """Show the members that a build found, and tell how many they are."""
        segment, build, now = plan.segment, plan.segment.build, self.context.now()
        size = self.memberships.count(segment, plan.key)

        def completed(before: Segment) -> Segment:
            return before.completed(build, now) if before.build == build else before

        def complete() -> Segment:
            built = self.segments.change(
                segment.id,
                completed,
                lambda before, after: events.segment_built(
                    before, replace(after, size=size)
                ),
            )
            if built.kind == "snapshot":
                self.rebuild_referring(built)
            return built

        self.segments.expect_recount([segment.id], now)
        # It may have been put away meanwhile.
        with suppress(NotFoundError):
            self.alone(complete)
            self.segments.expect_recount([segment.id], self.context.now())
            self._note_clock(plan, clock)

    def _timely(self, plan: Plan) -> list[Property | Happened]:
        """The conditions that hold or not as time goes by."""
        if plan.node is None:
            return []
        fields, zone = self.memberships.fields_of(plan), plan.segment.time_zone
        return [
            leaf
            for leaf in leaves(plan.node)
            if isinstance(leaf, Property | Happened)
            and is_timely(leaf, fields, ZoneInfo(zone))
        ]

    def _note_clock(self, plan: Plan, clock: datetime) -> None:
        is_alive = plan.segment.kind == "dynamic" and bool(self._timely(plan))
        turn = next_turn(_clock(plan, clock)) if is_alive else None
        self.segments.note_clock(plan.segment.id, clock, turn)

    def _tell(self, segment: Segment) -> Step:
        """Tell of some records that they came by the build that is shown, or went."""
        cursor = _beginning(self.context.now())
        if self.memberships.is_backed_up(segment.resource):
            return Step(cursor=cursor, wait_s=_BACKLOG_S)
        ids = self.memberships.unsettled(segment, _AT_ONCE)
        if ids:
            records = dict.fromkeys(ids, self.context.of_service(_SERVICE))
            self.memberships.settle(segment, records)
            return Step(cursor=cursor, counts={"settled": len(ids)})
        self.segments.note_settled(segment.id, segment.built)
        return Step(cursor=None if segment.built == segment.build else cursor)

    @job_handler("clear_segment")
    def clear_segment(self, job: Job) -> Step:
        """Take the keys of a segment that was put away out of all records."""
        segment = self.segments.find(job.arguments["segment_id"])
        if segment is None:
            return Step(cursor=None)
        before = segment.key_of(job.arguments["build"] + 1)
        cleared = self.memberships.clear(segment, before, _AT_ONCE)
        cursor = {"cleared": True} if cleared == _AT_ONCE else None
        return Step(cursor=cursor, counts={"cleared": cleared})

    def recount_segments_of(self, resource: str, record_ids: Sequence[str]) -> None:
        """Have all segments counted that these records are in."""
        ids = self.memberships.segments_of(resource, record_ids)
        self.segments.expect_recount(ids, self.context.now())

    def count_members(self, segment: Segment, expected_at: datetime) -> None:
        """Count a segment's members, for those who look at it and its history."""
        now = self.context.now()
        size = self.memberships.count(segment, segment.key)
        self.segments.note_size(segment.id, size, now, expected_at)

    def turn(self, segment: Segment, stored: Document, until: float) -> None:
        """Look at those records again on which the days that began have an effect.

        Goes on where the last call left off, if that ran out of time.

        Args:
            segment: A dynamic one that is due.
            stored: What is kept of its clock.
            until: When to stop, by the monotonic clock.
        """
        live = self.segments.all_live()
        plan = self._plan(segment, live)
        if plan is None:
            self.segments.note_clock(segment.id, stored["clock"], None)
            return
        first, after, now = stored.get("due_after") or (0, "", self.context.now())
        fields = self.memberships.fields_of(plan)
        span = _clock(plan, stored["clock"]), _clock(plan, now)
        for place, leaf in enumerate(self._timely(plan)):
            last = after if place == first else ""
            while place >= first:
                ids = self.segment_clock.affected(
                    segment.resource, leaf, fields, span, after=last, limit=_AT_ONCE
                )
                if not ids:
                    break
                self._evaluate(
                    segment.resource,
                    dict.fromkeys(ids, self.context),
                    lambda each: each.id == segment.id,
                )
                last = ids[-1]
                self.segments.note_place(segment.id, [place, last, now])
                if time.monotonic() > until:
                    return
        self._note_clock(plan, now)


def _beginning(now: datetime) -> dict[str, Any]:
    """Where a build begins to look at records, and as of when."""
    return {"after": None, "clock": now}


def _clock(plan: Plan, now: datetime) -> Clock:
    return Clock.of(now, plan.segment)
