"""The events role of svc_customer: it publishes, counts, notes, and does long work."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from chassis import inject
from chassis.bulk import BulkUpdate, UndoOperation
from chassis.errors import DeadlineExceededError, ForbiddenError, UnavailableError
from chassis.handling import batch_handler, event_handler
from chassis.history import History
from chassis.ids import derive_id
from chassis.job_reports import JobReports
from chassis.job_runner import job_handler
from chassis.jobs import Job
from chassis.mongo import Repositories
from chassis.outbox import OutboxRelay
from chassis.timers import leased_timer
from chassis.turns import Step
from svc_customer import events, repository
from svc_customer.domain.interaction_days import Counted
from svc_customer.domain.interactions import new_interaction
from svc_customer.jobs.custom_fields import CustomFieldIndexing
from svc_customer.projections import SegmentProjection
from svc_customer.repository.bulk_updates import BULK_UPDATE, UNDO
from svc_customer.repository.interaction_days import InteractionDays
from svc_customer.repository.segments import DueSegments
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.kinds import records_by_noun, records_of

__all__ = ["CustomerEvents"]

logger = logging.getLogger(__name__)

_COUNTED: Final = (
    "interaction_recorded",
    "interaction_updated",
    "interaction_archived",
    "interaction_restored",
)
_CHANGED: Final = tuple(
    f"{noun}_{verb}"
    for noun in ("account", "contact")
    for verb in ("created", "updated", "archived", "restored")
)
# Of manual segments, which definitions of others may name.
_MOVED: Final = ("segment_entered", "segment_left")
_RESOURCES: Final = {"account": "accounts", "contact": "contacts"}
_AT_ONCE: Final = 20
_TURN_S: Final = 6.0
# Who can leave an organization.
_MEMBERS: Final = frozenset({"person", "service_account"})


class CustomerEvents(CustomFieldIndexing, SegmentProjection, Dependencies):
    """Relays what happens to the records, counts and sorts it, and does jobs."""

    name = "customer"

    relay: None = inject(OutboxRelay(*(each.name for each in repository.RECORDS)))
    days: InteractionDays = inject(Repositories(InteractionDays))
    due: DueSegments = inject(Repositories(DueSegments))
    job_reports: JobReports = inject(Repositories(JobReports))
    history: History = inject(Repositories(History))

    @job_handler(BULK_UPDATE)
    def update_in_bulk(self, job: Job) -> Step:
        """Change the next few hundred records of a bulk update."""
        self._require_member(job)
        records = records_of(self)[job.arguments["resource"]]
        return BulkUpdate(records, self.job_reports, job).step()

    @job_handler(UNDO)
    def undo_operation(self, job: Job) -> Step:
        """Take back what an operation did to the next few hundred records."""
        self._require_member(job)
        records = records_by_noun(self)
        return UndoOperation(records, self.history, self.job_reports, job).step()

    def _require_member(self, job: Job) -> None:
        """Do nothing more for somebody who has left the organization.

        What svc_auth cannot be asked is not held against them.

        Raises:
            ForbiddenError: ``permission_missing``.
        """
        if job.actor["type"] not in _MEMBERS:
            return
        try:
            found = self.auth.call("find_members", person_ids=[job.actor["id"]])
        except (UnavailableError, DeadlineExceededError) as error:
            extra = {"job_id": job.id, "code": error.code}
            logger.warning("membership not checked", extra=extra)
            return
        if not found:
            raise ForbiddenError(
                "permission_missing", "Whoever asked for it is no longer a member."
            )

    @batch_handler(size=200, sources={"customer": (*_COUNTED, *_CHANGED, *_MOVED)})
    def on_events(self, events: Sequence[dict[str, Any]]) -> None:
        """Count interactions, and look which segments their records are in by now.

        An event only says what to look at: what is kept is compared with what
        should be, so that neither order nor repetition matters. Whom something
        was counted for is told again when an event comes again, as the first
        attempt may have died before it told.
        """
        counted = self.days.count(
            each["aggregate"]["id"] for each in events if _name(each) in _COUNTED
        )
        self.news.send(_touched(set().union(*counted.values())))
        for (org_id, resource), causes in _grouped(_causes(events, counted)).items():
            with self.context.in_org(org_id):
                caused = {
                    record_id: self.context.caused_by(event)
                    for record_id, event in sorted(causes.items())
                }
                self.evaluate_segments(resource, caused)
        for (org_id, resource), put_away in _grouped(_put_away(events)).items():
            with self.context.in_org(org_id):
                self.recount_segments_of(resource, sorted(put_away))

    @leased_timer(1)
    def count_segments(self) -> None:
        """Count the members of segments that others came into, and each day."""
        for row in self.due.to_count(self.context.now(), _AT_ONCE):
            with self.context.in_org(row["org_id"]):
                self.count_members(self.segments.restore(row), row["recount_at"])
            self.news.send([{"org_id": row["org_id"], "touched": [row["_id"]]}])

    @leased_timer(5)
    def turn_segments(self) -> None:
        """Look at whom it concerns that a day begins, for some seconds at a time."""
        until = time.monotonic() + _TURN_S
        for row in self.due.to_turn(self.context.now(), _AT_ONCE):
            if time.monotonic() < until:
                with self.context.in_org(row["org_id"]):
                    self.turn(self.segments.restore(row), row, until)

    @event_handler("sales", "lead_converted")
    def on_lead_converted(self, event: dict[str, Any]) -> None:
        """Note on the timelines that a lead has become a customer.

        Idempotent: the interaction's id follows from the event's.
        """
        opportunity_id = event["data"]["opportunity_id"]
        lead_id = event["aggregate"]["id"]
        self._note(
            event, "Lead converted", lead_id=lead_id, opportunity_id=opportunity_id
        )

    @event_handler("sales", "opportunity_created")
    def on_opportunity_created(self, event: dict[str, Any]) -> None:
        """Note on the timelines that there is something to be won.

        Idempotent as above.
        """
        opportunity_id = event["aggregate"]["id"]
        self._note(event, "Opportunity created", opportunity_id=opportunity_id)

    def _note(self, event: dict[str, Any], subject: str, **facts: str) -> None:
        """Record what another service tells, for all who see whom it is about."""
        data, interaction_id = event["data"], derive_id(event["id"], "interaction")
        contact = self.contacts.find(data["contact_id"] or "")
        account = self.accounts.find(data["account_id"] or "")
        about = contact or account
        if about is None or self.interactions.find(interaction_id) is not None:
            return
        details = {
            "type": "system",
            "subject": subject,
            "occurred_at": datetime.fromisoformat(event["occurred_at"]),
            "contact_id": contact and contact.id,
            "account_id": account and account.id,
            "team_ids": about.team_ids,
            "metadata": {"event": event["event"], **facts},
        }
        now = self.context.now()
        interaction = new_interaction(interaction_id, details, about.owner_id, now)
        self.interactions.add(interaction, events.interaction_recorded(interaction))


def _name(event: Mapping[str, Any]) -> str:
    return str(event["event"]).partition(".")[2]


def _changed(event: Mapping[str, Any]) -> Iterator[Counted]:
    """The record that an event says to look at, if that is no interaction's."""
    if _name(event) in _CHANGED:
        aggregate = event["aggregate"]
        resource = _RESOURCES[aggregate["type"]]
        yield Counted(event["org_id"], resource, aggregate["id"])
    elif _name(event) in _MOVED and event["data"]["kind"] == "manual":
        data = event["data"]
        yield Counted(event["org_id"], data["resource"], data["record_id"])


def _causes(
    events: Iterable[Mapping[str, Any]], counted: Mapping[str, Iterable[Counted]]
) -> dict[Counted, Mapping[str, Any]]:
    """The records that events say to look at, each with the latest of these."""
    return {
        record: event
        for event in sorted(events, key=lambda each: str(each["occurred_at"]))
        for record in (*counted.get(event["aggregate"]["id"], ()), *_changed(event))
    }


def _grouped(
    causes: Mapping[Counted, Mapping[str, Any]],
) -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    groups: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for each, event in causes.items():
        groups.setdefault((each.org_id, each.resource), {})[each.record_id] = event
    return groups


def _put_away(
    events: Iterable[Mapping[str, Any]],
) -> dict[Counted, Mapping[str, Any]]:
    """Records that count no longer, or again, as members of whatever they are in."""
    return {
        record: event
        for event in events
        if _name(event).endswith(("_archived", "_restored"))
        for record in _changed(event)
    }


def _touched(records: Iterable[Counted]) -> list[dict[str, Any]]:
    """What is told of records that look different: a message per organization."""
    touched: dict[str, list[str]] = {}
    for record in records:
        touched.setdefault(record.org_id, []).append(record.record_id)
    return [{"org_id": org_id, "touched": ids} for org_id, ids in touched.items()]
