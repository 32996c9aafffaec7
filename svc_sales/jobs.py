"""The conversion of a lead, which takes two services.

The lead is marked first, with the ids of everything that it will become; then
svc_customer makes account and contact; then the opportunity appears and the
lead is converted, in one transaction. Whoever finds a marked lead, be it the
next request or a timer, goes on from there: each step does nothing the second
time. A refusal by svc_customer leaves the lead as it was.
"""

from http import HTTPStatus
from typing import Any

from chassis import inject
from chassis.calling import Remote, RemoteService
from chassis.context import Context
from chassis.errors import WireError
from chassis.ids import derive_id
from chassis.mongo import Repositories, Transaction, Transactions
from chassis.signing import CurrentContext
from svc_sales import events
from svc_sales.domain import leads as rules
from svc_sales.domain.leads import Conversion, Lead, LeadStatus
from svc_sales.domain.opportunities import opportunity_of
from svc_sales.repository.leads import LeadRepository
from svc_sales.repository.opportunities import OpportunityRepository

__all__ = ["LeadConversion"]


class _SupersededError(Exception):
    """Somebody else went on with the lead meanwhile."""


class LeadConversion:
    """The steps, for the rpc and for the timer that picks up what is left."""

    context: Context = inject(CurrentContext())
    transaction: Transaction = inject(Transactions())
    customer: Remote = inject(RemoteService("customer"))
    leads: LeadRepository = inject(Repositories(LeadRepository))
    opportunities: OpportunityRepository = inject(Repositories(OpportunityRepository))

    def begin_conversion(
        self, lead: Lead, data: dict[str, Any], expected_version: int | None
    ) -> Lead:
        """Mark the lead, unless it is marked or converted already.

        Raises:
            ConflictError: ``lead_not_qualified``.
            VersionConflictError: ``version_conflict``.
        """
        if _has_begun(lead):
            return lead
        conversion, now = _conversion(lead, data), self.context.now()

        def begin(current: Lead) -> Lead:
            # Another request may have begun since the lead was read.
            if _has_begun(current):
                return current
            return rules.begin_conversion(current, conversion, now)

        return self.leads.change(
            lead.id,
            begin,
            lambda _before, _after: None,
            expected_version=expected_version,
        )

    def finish_conversion(self, lead: Lead, org_id: str | None = None) -> Lead:
        """Do what is left of a marked lead's conversion.

        Args:
            lead: Converting; a converted one is returned as it is.
            org_id: Whom a timer acts for.

        Raises:
            WireError: What svc_customer answered. After a refusal the lead is
                qualified as before; otherwise it stays marked and the timer
                goes on.
        """
        conversion = lead.conversion
        if lead.status is not LeadStatus.CONVERTING or conversion is None:
            return lead
        try:
            self.customer.call(
                "upsert_customer", org_id, payload=_wanted(lead, conversion)
            )
        except WireError as refusal:
            if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                self.leads.save(rules.back_out(lead, self.context.now()))
            raise
        try:
            converted: Lead = self.transaction(lambda: self._store(lead, conversion))
        except _SupersededError:
            return self.leads.get(lead.id)
        return converted

    def _store(self, lead: Lead, conversion: Conversion) -> Lead:
        now = self.context.now()
        after = rules.finish_conversion(lead, now)
        converted = self.leads.save(after, events.lead_converted(lead, after))
        if converted is None:
            raise _SupersededError
        opportunity = opportunity_of(lead, conversion, now)
        self.opportunities.add(opportunity, events.opportunity_created(opportunity))
        return converted


def _has_begun(lead: Lead) -> bool:
    return lead.status in {LeadStatus.CONVERTING, LeadStatus.CONVERTED}


def _conversion(lead: Lead, data: dict[str, Any]) -> Conversion:
    """The ids depend on the lead alone: converting it again finds the same."""
    opportunity = data["opportunity"] or {}
    return Conversion(
        account_id=data["account_id"] or derive_id(lead.id, "account"),
        contact_id=data["contact_id"] or derive_id(lead.id, "contact"),
        opportunity_id=derive_id(lead.id, "opportunity"),
        is_new_account=data["account_id"] is None,
        is_new_contact=data["contact_id"] is None,
        opportunity_name=opportunity.get("name") or lead.title,
        amount=opportunity.get("amount"),
        close_on=opportunity.get("close_on"),
    )


def _wanted(lead: Lead, conversion: Conversion) -> dict[str, Any]:
    """The ``UpsertCustomerInput`` of a lead."""
    shared = {"source": lead.source, "team_ids": list(lead.team_ids)}
    account = {"name": lead.title, **shared}
    contact = {
        "first_name": lead.first_name,
        "last_name": lead.last_name or (None if lead.email else lead.title[:100]),
        "email": lead.email,
        "phone": lead.phone,
        **shared,
    }
    return {
        "owner_id": lead.owner_id,
        "account_id": conversion.account_id,
        "account": account if conversion.is_new_account else None,
        "contact_id": conversion.contact_id,
        "contact": contact if conversion.is_new_contact else None,
    }
