"""The events of svc_sales: ids and facts, never a name or an address."""

from typing import Final

from chassis.events import Event, changes_between
from svc_sales.domain.leads import Lead
from svc_sales.domain.opportunities import Opportunity

__all__ = [
    "lead_archived",
    "lead_converted",
    "lead_created",
    "lead_qualified",
    "lead_restored",
    "lead_updated",
    "opportunity_created",
]

_PERSONAL: Final = frozenset(
    {"first_name", "last_name", "email", "phone", "description"}
)


def lead_created(lead: Lead) -> Event:
    """There is a new lead."""
    return _lead("created", None, lead)


def lead_updated(before: Lead, after: Lead) -> Event:
    """A lead has other values."""
    return _lead("updated", before, after)


def lead_archived(before: Lead, after: Lead) -> Event:
    """A lead was put away."""
    return _lead("archived", before, after)


def lead_restored(before: Lead, after: Lead) -> Event:
    """A lead is back."""
    return _lead("restored", before, after)


def lead_qualified(before: Lead, after: Lead) -> Event:
    """A lead was found worth pursuing."""
    return _lead("qualified", before, after)


def lead_converted(before: Lead, after: Lead) -> Event:
    """A lead has become an opportunity, with account and contact."""
    event = _lead("converted", before, after)
    conversion = after.conversion
    ids = (
        {}
        if conversion is None
        else {
            "account_id": conversion.account_id,
            "contact_id": conversion.contact_id,
            "opportunity_id": conversion.opportunity_id,
        }
    )
    return Event(
        name=event.name,
        data={**event.data, **ids},
        changes=event.changes,
        personal=event.personal,
        subject_id=event.subject_id,
    )


def _lead(verb: str, before: Lead | None, after: Lead) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"sales.lead_{verb}",
        data={
            "status": after.status.value,
            "source": after.source,
            "rating": after.rating,
            "changed": sorted(changes),
        },
        changes=changes,
        personal=_PERSONAL,
        subject_id=after.id,
    )


def opportunity_created(opportunity: Opportunity) -> Event:
    """There is a new opportunity."""
    amount = opportunity.amount
    return Event(
        name="sales.opportunity_created",
        data={
            "status": opportunity.status.value,
            "account_id": opportunity.account_id,
            "contact_id": opportunity.contact_id,
            "lead_id": opportunity.lead_id,
            "amount": None if amount is None else f"{amount.amount:f}",
            "currency": None if amount is None else amount.currency,
        },
        changes=changes_between(None, opportunity),
    )
