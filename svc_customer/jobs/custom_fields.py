"""Making records that are there found by a custom field that is indexed later."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.job_runner import job_failure_handler, job_handler
from chassis.jobs import Job
from chassis.mongo import Repositories
from chassis.signing import CurrentContext
from chassis.turns import Step
from svc_customer import events
from svc_customer.domain.custom_fields import (
    CustomField,
    is_building,
    with_index,
    without_index,
)
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
        build = _build_of(job)
        if field is None or not is_building(field, build):
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
        now = self.context.now()
        self._change(field, lambda current: with_index(current, build, now))
        return Step(cursor=None, counts=counts)

    @job_failure_handler(INDEX_JOB)
    def on_indexing_failed(self, job: Job) -> None:
        """Say of the field that records cannot be made to be found by it, and why.

        Idempotent: a field that is not waiting for this job stays as it is.

        Emits:
            ``customer.custom_field_updated`` v1.
        """
        field = self.custom_fields.find(job.arguments["custom_field_id"])
        build, error, now = _build_of(job), job.error or {}, self.context.now()
        if field is not None and is_building(field, build):
            self._change(
                field, lambda current: without_index(current, build, error, now)
            )

    def _records(self, field: CustomField) -> Any:
        return self.accounts if field.resource == "accounts" else self.contacts

    def _change(
        self, field: CustomField, change: Callable[[CustomField], CustomField]
    ) -> None:
        self.custom_fields.change(
            field.id,
            change,
            events.custom_field_updated,
            is_archived=field.archived_at is not None,
        )


def _build_of(job: Job) -> int:
    # Jobs of earlier releases have none, nor has a field that they index.
    build: int = job.arguments.get("build", 0)
    return build
