"""RPCs that change many records, and that take operations back."""

from collections.abc import Mapping
from typing import Any, Final

from chassis import inject
from chassis.bulk import MOST_RECORDS
from chassis.cursors import own_seal, resumed
from chassis.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    invalid_input,
)
from chassis.history import History
from chassis.idempotency import idempotent, idempotent_as
from chassis.job_reports import JobReports, Report
from chassis.jobs import Job
from chassis.many import many
from chassis.mongo import Repositories
from chassis.resources import Records
from chassis.restrictions import is_among
from chassis.rpc import rpc
from chassis.schemas import load, load_query
from chassis.undoing import Effect, Undo, effects_of
from chassis.views import dumper
from svc_customer.repository.bulk_updates import BULK_UPDATE, UNDO, BulkUpdateJobs
from svc_customer.schemas.bulk_updates import (
    BulkUpdateConflictView,
    BulkUpdateView,
    CreateBulkUpdateInput,
    ListConflictsQuery,
)
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.kinds import records_by_noun, records_of

__all__ = ["BulkUpdateMethods"]

_VIEW: Final = BulkUpdateView()
_SHOWN: Final = dumper(_VIEW)
_CONFLICT: Final = dumper(BulkUpdateConflictView())
_COUNTED: Final = ("matched", "updated", "unchanged", "failed", "conflicts")


class BulkUpdateMethods(Dependencies):
    """What can be done with many records at once."""

    bulk_updates: BulkUpdateJobs = inject(Repositories(BulkUpdateJobs))
    job_reports: JobReports = inject(Repositories(JobReports))
    history: History = inject(Repositories(History))

    @rpc(needs="bulk-updates:write")
    @idempotent_as(lambda self, view: view | self.asked(view))
    def create_bulk_update(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Change every record that a filter finds, or count them only.

        It is answered at once and done in the background, a few hundred
        records at a time, on behalf of the caller and with their rights of now;
        records that they may not read or change do not match. A record that was
        there by now is changed if it fits when its turn comes, and once. All
        changes carry the one ``operation_id``, by which they can be undone.

        Needs the ``bulk-updates:write`` permission, and those of reading and
        writing such records.

        Args:
            payload: A ``CreateBulkUpdateInput``.

        Returns:
            A ``BulkUpdateView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``reference_not_found``.
            ForbiddenError: ``permission_missing``, ``field_forbidden``.
            ConflictError: ``too_many_jobs``, ``too_many_records``.

        Emits:
            ``customer.account_updated``, ``customer.contact_updated`` or
            ``customer.interaction_updated`` v1, for each record.
        """
        self.permitted("bulk-updates:write")
        data = load(CreateBulkUpdateInput(), payload)
        records = records_of(self)[data["resource"]]
        records.permit("read")
        records.permit("write")
        records.check_patch(data["changes"])
        matched = self._count(records, data["filters"])
        if matched is not None and matched > MOST_RECORDS:
            raise ConflictError(
                "too_many_records", f"More than {MOST_RECORDS} records; filter more."
            )
        arguments = {
            "resource": data["resource"],
            "filter": payload["filter"],
            "filters": data["filters"],
            "changes": data["changes"],
        }
        if data["dry_run"]:
            return self._counted(arguments, matched)
        job_id = self.operation.new_id(BULK_UPDATE)
        return self._shown(self.bulk_updates.add(job_id, BULK_UPDATE, arguments))

    def _count(self, records: Records[Any], filters: Mapping[str, str]) -> int | None:
        now = self.context.now()
        try:
            return many(records).count_writable(filters, now, MOST_RECORDS)
        except InvalidInputError as refusal:
            # It stands in the body here.
            raise invalid_input(refusal.extra.get("errors", ())) from None

    def _counted(
        self, arguments: dict[str, Any], matched: int | None
    ) -> dict[str, Any]:
        return _SHOWN(
            {
                **dict.fromkeys(_VIEW.fields),
                **arguments,
                "kind": "update",
                "status": "counted",
                "counts": dict.fromkeys(_COUNTED, 0) | {"matched": matched},
                "created_by": self.context.actor,
            }
        )

    @rpc
    def list_bulk_updates(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of bulk updates and undoings.

        One's own; all of the organization with ``bulk-updates:read``. They are
        kept for 90 days.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [BulkUpdateView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self.bulk_updates.page(query, _VIEW.fields).view(self._shown)

    @rpc
    def get_bulk_update(self, *, bulk_update_id: str) -> dict[str, Any]:
        """How far a bulk update, or the undoing of an operation, has come.

        Returns:
            A ``BulkUpdateView``.

        Raises:
            NotFoundError: ``bulk_update_not_found``.
        """
        return self._shown(self.bulk_updates.get(bulk_update_id))

    @rpc
    def cancel_bulk_update(self, *, bulk_update_id: str) -> dict[str, Any]:
        """Change no further records.

        It ends in about a second. What was changed stays so, and can be undone.

        Returns:
            A ``BulkUpdateView``.

        Raises:
            NotFoundError: ``bulk_update_not_found``.
            ConflictError: ``job_finished``.
        """
        return self._shown(self.bulk_updates.cancel(bulk_update_id))

    @rpc
    @idempotent
    def undo_bulk_update(self, *, bulk_update_id: str) -> dict[str, Any]:
        """Take back what a bulk update, or an undoing, did.

        As ``undo_operation`` does with its ``operation_id``.

        Returns:
            A ``BulkUpdateView``.

        Raises:
            NotFoundError: ``bulk_update_not_found``, ``operation_not_found``: it
                changed nothing.
            ConflictError: ``operation_unfinished``: cancel it first;
                ``too_many_jobs``.
        """
        return self._undo(self.bulk_updates.get(bulk_update_id).operation_id)

    @rpc
    @idempotent
    def undo_operation(self, *, operation_id: str) -> dict[str, Any]:
        """Take back what an operation did to accounts, contacts and interactions.

        Any operation: one request, a batch, a bulk update, an undoing. Every
        record that it changed and the caller may change gets back what it had,
        in the background; what it made is archived. A field that somebody has
        changed since is left alone and reported as a conflict, as is one that the
        record does not take back, or a new record that somebody has changed.
        Undoing twice does nothing more.

        Args:
            operation_id: As histories, events and bulk updates tell it.

        Returns:
            A ``BulkUpdateView``.

        Raises:
            NotFoundError: ``operation_not_found``: there is no change with it.
            ConflictError: ``operation_unfinished``, ``too_many_jobs``.

        Emits:
            ``customer.account_updated``, ``_archived`` or ``_restored`` v1 and
            the like, for each record.
        """
        return self._undo(operation_id)

    def _undo(self, operation_id: str) -> dict[str, Any]:
        records = records_of(self)
        for each in records.values():
            if self.context.identified_caller.allows(
                f"{each.repository.resource}:write"
            ):
                break
        else:
            records["contacts"].permit("write")
        if self.bulk_updates.find_unfinished(operation_id) is not None:
            raise ConflictError(
                "operation_unfinished", "It is still at work; cancel it first."
            )
        is_known = self.history.count_operation(operation_id, 0) or any(
            many(each).is_pending(operation_id) for each in records.values()
        )
        if not is_known:
            raise NotFoundError("operation_not_found", "Nothing was changed by it.")
        job_id = self.operation.new_id(UNDO)
        arguments = {"operation_id": operation_id}
        return self._shown(self.bulk_updates.add(job_id, UNDO, arguments))

    @rpc
    def list_bulk_update_conflicts(
        self, *, bulk_update_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of the records that were not changed, or not all of them.

        At most ten thousand are told; the counts tell of all.

        Args:
            bulk_update_id: Which one.
            query: A ``ListConflictsQuery``.

        Returns:
            ``{"data": [BulkUpdateConflictView], "page": {…}}``.

        Raises:
            NotFoundError: ``bulk_update_not_found``.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        job = self.bulk_updates.get(bulk_update_id)
        wanted = load_query(ListConflictsQuery(), query)
        scope = f"{job.id}\nconflicts"
        beyond = resumed(scope, wanted["cursor"])
        found = self.job_reports.page(job.id, beyond, wanted["limit"] + 1)
        page, has_more = found[: wanted["limit"]], len(found) > wanted["limit"]
        next_cursor = own_seal().seal(scope, [page[-1][0]]) if has_more else None
        told = self._conflicts(job, [report for _, report in page])
        return {
            "data": told,
            "page": {"next_cursor": next_cursor, "has_more": has_more},
        }

    def _shown(self, job: Job) -> dict[str, Any]:
        """A job as the caller may see it: what of records is hidden is so here."""
        arguments = job.arguments
        return _SHOWN(
            {
                **vars(job),
                "kind": "undo" if job.kind == UNDO else "update",
                "undoes": arguments.get("operation_id"),
                "resource": arguments.get("resource"),
                **self.asked(arguments),
                "counts": {name: job.counts.get(name, 0) for name in _COUNTED},
                "created_by": job.actor,
            }
        )

    def asked(self, terms: Mapping[str, Any]) -> dict[str, Any]:
        """What was asked by, and made, of the fields that the caller may see."""
        caller, resource = self.context.identified_caller, terms.get("resource")
        if resource is None or not caller.allows(f"{resource}:read"):
            return {"filter": None, "changes": None}
        hidden = caller.hidden_fields(resource)
        return {
            name: {
                field: value
                for field, value in terms[name].items()
                if not is_among(field, hidden)
            }
            for name in ("filter", "changes")
        }

    def _conflicts(self, job: Job, reports: list[Report]) -> list[dict[str, Any]]:
        effects: dict[str, Effect] = {}
        ids = [each.record_id for each in reports if each.outcome == "conflict"]
        if ids:
            rows = self.history.of_records(job.arguments["operation_id"], ids)
            effects = {each.record_id: each for each in effects_of(rows)}
        records = records_by_noun(self)
        return [
            _CONFLICT(
                {
                    **vars(each),
                    "resource": records[each.noun].repository.resource,
                    "conflicts": _values(
                        records[each.noun], each, effects.get(each.record_id)
                    ),
                }
            )
            for each in reports
        ]


def _values(
    records: Records[Any], report: Report, effect: Effect | None
) -> dict[str, Any] | None:
    """What the fields in conflict were, became and are, if the caller may know."""
    if effect is None:
        return None
    try:
        document = records.repository.document(report.record_id)
    except NotFoundError:
        return None
    record = records.repository.restore(document)
    hidden = records.repository.hidden_fields
    return {
        name: values
        for name, values in Undo(records, [effect]).conflicts(record).items()
        if name in report.fields and name.partition(".")[0] not in hidden
    }
