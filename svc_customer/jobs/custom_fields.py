"""Making records that are there found by a custom field that is indexed later."""

from datetime import timedelta
from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.job_runner import job_handler
from chassis.jobs import Job
from chassis.mongo import Repositories
from chassis.signing import CurrentContext
from chassis.turns import Step
from svc_customer import events
from svc_customer.domain.custom_fields import CustomField, with_index
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.custom_fields import CustomFieldRepository

__all__ = ["INDEX_JOB", "CustomFieldIndexing"]

INDEX_JOB: Final = "index_custom_field"
_BATCH: Final = 1_000
# Whoever began to write before the field was to be indexed has written by then.
_LONGEST_WRITE_S: Final = 10.0


class CustomFieldIndexing:
    """The job: all records once, and those that were under way at its start."""

    context: Context = inject(CurrentContext())
    accounts: AccountRepository = inject(Repositories(AccountRepository))
    contacts: ContactRepository = inject(Repositories(ContactRepository))
    custom_fields: CustomFieldRepository = inject(Repositories(CustomFieldRepository))

    @job_handler(INDEX_JOB)
    def index_custom_field(self, job: Job) -> Step:
        """Index a thousand records.

        First all, in the order of their making. Ten seconds later those that
        have changed since the field was to be indexed, as somebody may have
        written them who did not know of it. Done again, a step changes nothing.

        Emits:
            ``customer.custom_field_updated`` v1, when it is done.
        """
        field = self.custom_fields.find(job.arguments["custom_field_id"])
        if field is None or field.index_status != "building":
            return Step(cursor=None)
        cursor = job.cursor or {"by": "created_at", "after": None}
        changed, last = self._records(field).index_custom(
            field.key,
            self.custom_fields.of(field.resource),
            by=cursor["by"],
            after=cursor["after"],
            limit=_BATCH,
        )
        counts = {"indexed": changed}
        if last is not None:
            return Step(cursor={**cursor, "after": last}, counts=counts)
        if cursor["by"] == "created_at":
            since = job.created_at - timedelta(seconds=_LONGEST_WRITE_S)
            again = {"by": "updated_at", "after": [since, ""]}
            return Step(cursor=again, counts=counts, wait_s=_LONGEST_WRITE_S)
        self._finish(field)
        return Step(cursor=None, counts=counts)

    def _records(self, field: CustomField) -> Any:
        return self.accounts if field.resource == "accounts" else self.contacts

    def _finish(self, field: CustomField) -> None:
        now = self.context.now()
        self.custom_fields.change(
            field.id,
            lambda current: with_index(current, now),
            events.custom_field_updated,
            is_archived=field.archived_at is not None,
        )
