"""The events role of svc_customer: it publishes, counts, notes, and does long work."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from chassis import inject
from chassis.broadcasting import Broadcast, Broadcaster
from chassis.bulk import BulkUpdate, UndoOperation
from chassis.handling import batch_handler, event_handler
from chassis.history import History
from chassis.ids import derive_id
from chassis.job_reports import JobReports
from chassis.job_runner import job_handler
from chassis.jobs import Job
from chassis.mongo import Repositories
from chassis.outbox import OutboxRelay
from chassis.topology import TOUCHED_EXCHANGE
from chassis.turns import Step
from svc_customer import events, repository
from svc_customer.domain.interaction_days import Counted
from svc_customer.domain.interactions import new_interaction
from svc_customer.jobs.custom_fields import CustomFieldIndexing
from svc_customer.repository.bulk_updates import BULK_UPDATE, UNDO
from svc_customer.repository.interaction_days import InteractionDays
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.kinds import records_by_noun, records_of

__all__ = ["CustomerEvents"]

_COUNTED: Final = (
    "interaction_recorded",
    "interaction_updated",
    "interaction_archived",
    "interaction_restored",
)


class CustomerEvents(CustomFieldIndexing, Dependencies):
    """Relays what happens to the records, counts it, and carries jobs out."""

    name = "customer"

    relay: None = inject(OutboxRelay(*(each.name for each in repository.RECORDS)))
    days: InteractionDays = inject(Repositories(InteractionDays))
    news: Broadcaster = inject(Broadcast(TOUCHED_EXCHANGE))

    job_reports: JobReports = inject(Repositories(JobReports))
    history: History = inject(Repositories(History))

    @job_handler(BULK_UPDATE)
    def update_in_bulk(self, job: Job) -> Step:
        """Change the next few hundred records of a bulk update."""
        records = records_of(self)[job.arguments["resource"]]
        return BulkUpdate(records, self.job_reports, job).step()

    @job_handler(UNDO)
    def undo_operation(self, job: Job) -> Step:
        """Take back what an operation did to the next few hundred records."""
        records = records_by_noun(self)
        return UndoOperation(records, self.history, self.job_reports, job).step()

    @batch_handler(size=200, sources={"customer": _COUNTED})
    def on_events(self, events: Sequence[dict[str, Any]]) -> None:
        """Count the interactions that a batch of events is about.

        An event only says which interaction to look at: as what it is counted
        is compared with what it is, so that neither order nor repetition
        matters. Whom it was counted for is told again when an event comes
        again, as the first attempt may have died before it told.
        """
        counted = self.days.count({each["aggregate"]["id"] for each in events})
        self.news.send(_touched(counted))

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


def _touched(records: Iterable[Counted]) -> list[dict[str, Any]]:
    """What is told of records that look different: a message per organization."""
    touched: dict[str, list[str]] = {}
    for record in records:
        touched.setdefault(record.org_id, []).append(record.record_id)
    return [{"org_id": org_id, "touched": ids} for org_id, ids in touched.items()]
