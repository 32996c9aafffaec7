"""The events role of svc_customer: it publishes, counts, and does long work."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from chassis import inject
from chassis.broadcasting import Broadcast, Broadcaster
from chassis.bulk import BulkUpdate, UndoOperation
from chassis.handling import batch_handler
from chassis.history import History
from chassis.job_reports import JobReports
from chassis.job_runner import job_handler
from chassis.jobs import Job
from chassis.mongo import Repositories
from chassis.outbox import OutboxRelay
from chassis.topology import TOUCHED_EXCHANGE
from chassis.turns import Step
from svc_customer import repository
from svc_customer.domain.interaction_days import Counted
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


def _touched(records: Iterable[Counted]) -> list[dict[str, Any]]:
    """What is told of records that look different: a message per organization."""
    touched: dict[str, list[str]] = {}
    for record in records:
        touched.setdefault(record.org_id, []).append(record.record_id)
    return [{"org_id": org_id, "touched": ids} for org_id, ids in touched.items()]
