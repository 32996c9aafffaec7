"""Opportunities: a sale that may come about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from chassis.money import Money
from svc_sales.domain.leads import Conversion, Lead

__all__ = ["Opportunity", "OpportunityStatus", "opportunity_of"]


class OpportunityStatus(StrEnum):
    """How it stands; stages come with pipelines."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Opportunity:
    """A sale that may come about."""

    id: str
    name: str
    status: OpportunityStatus = OpportunityStatus.OPEN
    account_id: str
    contact_id: str
    lead_id: str | None = None
    source: str | None = None
    amount: Money | None = None
    close_on: date | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0


def opportunity_of(lead: Lead, conversion: Conversion, now: datetime) -> Opportunity:
    """The opportunity that a lead turns into."""
    return Opportunity(
        id=conversion.opportunity_id,
        name=conversion.opportunity_name,
        account_id=conversion.account_id,
        contact_id=conversion.contact_id,
        lead_id=lead.id,
        source=lead.source,
        amount=conversion.amount,
        close_on=conversion.close_on,
        owner_id=lead.owner_id,
        team_ids=lead.team_ids,
        created_at=now,
        updated_at=now,
    )
