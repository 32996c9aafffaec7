"""RPCs of leads."""

from typing import Any, Final

from chassis import inject
from chassis.auth import Caller
from chassis.errors import invalid_input
from chassis.idempotency import Operation, idempotent
from chassis.mongo import Repositories
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

_VIEW: Final = LeadView()


def _view(lead: Lead) -> dict[str, Any]:
    view: dict[str, Any] = _VIEW.dump(lead)
    return view


class LeadMethods(LeadConversion):
    """What can be done with leads."""

    operation: Operation = inject(Repositories(Operation))

    @rpc
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

        Emits:
            ``sales.lead_created`` v1.
        """
        caller = self._writer()
        data = load(CreateLeadInput(), payload)
        _check_owner(data, caller)
        owner_id = caller.principal_id if caller.principal_type == "person" else None
        lead = rules.new_lead(
            self.operation.new_id("lead"), data, owner_id, self.context.now()
        )
        return _view(self.leads.add(lead, events.lead_created(lead)))

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
        self.context.identified_caller.require("leads:read")
        return _view(self.leads.get(lead_id))

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
        self.context.identified_caller.require("leads:read")
        return self.leads.page(query, _VIEW.fields).view(_view)

    @rpc
    @idempotent
    def update_lead(
        self,
        *,
        lead_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing.

        Needs the ``leads:write`` permission.

        Args:
            lead_id: A live lead.
            payload: An ``UpdateLeadInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``LeadView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            NotFoundError: ``lead_not_found``.
            ConflictError: ``lead_status_not_allowed`` or
                ``lead_is_converting``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_updated`` v1.
        """
        caller = self._writer()
        patch = load(UpdateLeadInput(), payload)
        _check_owner(patch, caller)
        now = self.context.now()
        changed = self.leads.change(
            lead_id,
            lambda lead: rules.change(lead, patch, now),
            events.lead_updated,
            expected_version=expected_version,
        )
        return _view(changed)

    @rpc
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
        self._writer()
        now = self.context.now()
        self.leads.change(
            lead_id,
            lambda lead: rules.archive(lead, now),
            events.lead_archived,
            expected_version=expected_version,
        )

    @rpc
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
        self._writer()
        now = self.context.now()
        restored = self.leads.change(
            lead_id,
            lambda lead: rules.restore(lead, now),
            events.lead_restored,
            expected_version=expected_version,
            is_archived=True,
        )
        return _view(restored)

    @rpc
    @idempotent
    def qualify_lead(
        self, *, lead_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Declare a lead worth pursuing; doing it twice changes nothing.

        Needs the ``leads:write`` permission.

        Returns:
            A ``LeadView``.

        Raises:
            NotFoundError: ``lead_not_found``.
            ConflictError: ``lead_status_not_allowed``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``sales.lead_qualified`` v1.
        """
        self._writer()
        now = self.context.now()
        qualified = self.leads.change(
            lead_id,
            lambda lead: rules.qualify(lead, now),
            events.lead_qualified,
            expected_version=expected_version,
        )
        return _view(qualified)

    @rpc
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

        Needs the ``leads:write`` permission.

        Args:
            lead_id: A lead in status ``qualified``.
            payload: A ``ConvertLeadInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``ConversionView``: account, contact and opportunity ids.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            NotFoundError: ``lead_not_found``, also when the caller may not
                see it.
            ConflictError: ``lead_not_qualified``.
            VersionConflictError: ``version_conflict``.
            UnavailableError: svc_customer is away; the lead stays
                ``converting`` and is finished later.

        Emits:
            ``sales.lead_converted`` v1 and ``sales.opportunity_created`` v1.
        """
        self._writer()
        data = load(ConvertLeadInput(), payload)
        lead = self.begin_conversion(self.leads.get(lead_id), data, expected_version)
        converted = self.finish_conversion(lead)
        view: dict[str, Any] = ConversionView().dump(converted.conversion)
        return view

    def _writer(self) -> Caller:
        caller = self.context.identified_caller
        caller.require("leads:write")
        return caller


def _check_owner(data: dict[str, Any], caller: Caller) -> None:
    # Membership is svc_auth's to know; until a read model of it is here,
    # records can be given to nobody but oneself.
    if data.get("owner_id", caller.principal_id) != caller.principal_id:
        raise invalid_input(
            [{"field": "owner_id", "code": "reference_not_found"}],
            "reference_not_found",
            "This refers to something that is not there.",
        )
