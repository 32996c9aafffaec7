"""RPCs of leads."""

from collections.abc import Mapping
from typing import Any, Final

from chassis import inject
from chassis.assigning import Assigning
from chassis.batches import Batch
from chassis.calling import Remote, RemoteService
from chassis.errors import invalid_input
from chassis.idempotency import Operation, idempotent
from chassis.mailboxes import address_key
from chassis.matching import MatchLocks
from chassis.mongo import Repositories
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.schemas import load
from svc_sales import events
from svc_sales.domain import leads as rules
from svc_sales.domain.leads import Lead
from svc_sales.jobs import LeadConversion
from svc_sales.schemas.leads import (
    ConversionView,
    ConvertLeadInput,
    CreateLeadInput,
    LeadView,
    UpdateLeadInput,
)

__all__ = ["LeadMethods"]


def _email(data: Mapping[str, Any]) -> list[str]:
    return [address_key(data["email"])] if data.get("email") else []


_LEAD: Final = Kind(
    create_input=CreateLeadInput(),
    update_input=UpdateLeadInput(),
    view=LeadView(),
    make=rules.new_lead,
    change=rules.change,
    archive=rules.archive,
    restore=rules.restore,
    created=events.lead_created,
    updated=events.lead_updated,
    archived=events.lead_archived,
    restored=events.lead_restored,
    match_by={"email": _email},
)


class LeadMethods(LeadConversion, Assigning):
    """What can be done with leads."""

    operation: Operation = inject(Repositories(Operation))
    match_locks: MatchLocks = inject(Repositories(MatchLocks))
    auth: Remote = inject(RemoteService("auth"))

    def _leads(self) -> Records[Lead]:
        return Records(_LEAD, self.leads, self)

    @rpc(needs="leads:write")
    @idempotent
    def create_lead(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create a lead and announce it.

        Needs the ``leads:write`` permission.

        Args:
            payload: A ``CreateLeadInput``.

        Returns:
            A ``LeadView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.

        Emits:
            ``sales.lead_created`` v1.
        """
        return self._leads().create(payload)

    @rpc
    def get_lead(self, *, lead_id: str) -> dict[str, Any]:
        """One lead.

        Needs the ``leads:read`` permission.

        Returns:
            A ``LeadView``.

        Raises:
            NotFoundError: ``lead_not_found``, also when it is archived or
                the caller may not see it.
        """
        return self._leads().get(lead_id)

    @rpc
    def list_leads(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of leads.

        Needs the ``leads:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [LeadView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self._leads().page(query)

    @rpc(needs="leads:write")
    @idempotent
    def update_lead(
        self,
        *,
        lead_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing. One made for an
        earlier version is applied unless others changed the same fields.

        Needs the ``leads:write`` permission.

        Args:
            lead_id: A live lead.
            payload: An ``UpdateLeadInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``LeadView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            NotFoundError: ``lead_not_found``.
            ConflictError: ``lead_status_not_allowed`` or
                ``lead_is_converting``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_updated`` v1.
        """
        return self._leads().update(lead_id, payload, expected_version)

    @rpc(needs="leads:write")
    @idempotent
    def archive_lead(
        self, *, lead_id: str, expected_version: int | None = None
    ) -> None:
        """Put a lead away; it can be restored.

        Needs the ``leads:write`` permission.

        Raises:
            NotFoundError: ``lead_not_found``, also when it is archived.
            ConflictError: ``lead_is_converting``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_archived`` v1.
        """
        self._leads().archive(lead_id, expected_version)

    @rpc(needs="leads:write")
    @idempotent
    def restore_lead(
        self, *, lead_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived lead back.

        Needs the ``leads:write`` permission.

        Returns:
            A ``LeadView``.

        Raises:
            NotFoundError: ``lead_not_found``: none is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_restored`` v1.
        """
        return self._leads().restore(lead_id, expected_version)

    @rpc(needs="leads:write")
    @idempotent
    def qualify_lead(
        self, *, lead_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Declare a lead worth pursuing; doing it twice changes nothing.

        Needs the ``leads:write`` permission.

        Returns:
            A ``LeadView``.

        Raises:
            ForbiddenError: ``field_forbidden``: the lead's ``status``.
            NotFoundError: ``lead_not_found``.
            ConflictError: ``lead_status_not_allowed``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_qualified`` v1.
        """
        leads = self._leads()
        leads.permit("write")
        self.context.identified_caller.require_writable("leads", ["status"])
        now = self.context.now()
        qualified = self.leads.change(
            lead_id,
            lambda lead: rules.qualify(lead, now),
            events.lead_qualified,
            expected_version=expected_version,
        )
        return leads.answered(qualified)

    @rpc(needs="leads:write")
    @idempotent
    def convert_lead(
        self,
        *,
        lead_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Turn a qualified lead into an open opportunity and announce it.

        Account and contact exist in svc_customer when this returns; the lead
        becomes ``converted`` in the transaction that makes the opportunity.
        What a crash leaves half-way is finished by a timer within a minute.

        Converting a converted lead returns the first result and emits
        nothing, so a caller that timed out may simply retry.

        Needs the ``leads:write`` permission, and that of reading the lead.

        Args:
            lead_id: A lead in status ``qualified``.
            payload: A ``ConvertLeadInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``ConversionView``: account, contact and opportunity ids.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``: of the opportunity, or the
                lead's ``status``.
            NotFoundError: ``lead_not_found``, also when the caller may not
                see it.
            ConflictError: ``lead_not_qualified``.
            VersionConflictError: ``version_conflict``.
            UnavailableError: svc_customer is away; the lead stays
                ``converting`` and is finished later.

        Emits:
            ``sales.lead_converted`` v1 and ``sales.opportunity_created`` v1.
        """
        self._leads().permit("write")
        data = load(ConvertLeadInput(), payload)
        caller = self.context.identified_caller
        caller.require_writable("leads", ["status"])
        given = payload.get("opportunity") or {}
        caller.require_writable("opportunities", given)
        lead = self.begin_conversion(self.leads.get(lead_id), data, expected_version)
        converted = self.finish_conversion(lead)
        view: dict[str, Any] = ConversionView().dump(converted.conversion)
        return view

    @rpc(needs="leads:write")
    @idempotent
    def batch_leads(self, *, operations: list[Any]) -> dict[str, Any]:
        """Carry out up to 500 operations, each for itself and in order.

        Needs the ``leads:write`` permission.

        Args:
            operations: Each a ``BatchOperationInput``; an upsert finds its
                lead by ``email``.

        Returns:
            See ``chassis.batches.Batch.run``.

        Raises:
            InvalidInputError: ``invalid_input``: no list of 1 to 500.
            DeadlineExceededError: ``deadline_exceeded``; sent again with the
                same key, the batch goes on.

        Emits:
            ``sales.lead_created``, ``_updated`` and ``_archived`` v1.
        """
        return Batch(self._leads(), self.match_locks, self).run(operations)

    def members_among(self, person_ids: list[str]) -> list[str]:
        """Ask svc_auth."""
        found: list[str] = self.auth.call("find_members", person_ids=person_ids)
        return found

    def teams_among(self, team_ids: list[str]) -> list[str]:
        """Ask svc_auth."""
        found: list[str] = self.auth.call("find_teams", team_ids=team_ids)
        return found

    def check_references(self, resource: str, data: Mapping[str, Any]) -> None:
        """Refuse owners who are no members, and teams that the caller does not see.

        Whoever may change all leads gives them to any team there is.

        Raises:
            InvalidInputError: ``reference_not_found``.
            UnavailableError: ``service_unavailable``: somebody else, or a team
                that the caller does not see, is named, and svc_auth is away.
        """
        missing = []
        owner_id = data.get("owner_id")
        if owner_id is not None and not self.members.include([owner_id]):
            missing.append("owner_id")
        if not self.may_be_given(resource, data.get("team_ids", ())):
            missing.append("team_ids")
        if missing:
            raise invalid_input(
                [{"field": name, "code": "reference_not_found"} for name in missing],
                "reference_not_found",
                "This refers to something that is not there.",
            )
