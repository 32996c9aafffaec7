"""Leads: somebody might buy.

A lead is ``converting`` while svc_customer is asked for the account and the
contact; what is wanted is kept in the lead, so that anybody can finish it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chassis.errors import ConflictError
from chassis.money import Money

__all__ = [
    "RATINGS",
    "Conversion",
    "Lead",
    "LeadStatus",
    "archive",
    "back_out",
    "begin_conversion",
    "change",
    "finish_conversion",
    "new_lead",
    "qualify",
    "restore",
]

RATINGS: Final = ("hot", "warm", "cold")


class LeadStatus(StrEnum):
    """Where a lead stands."""

    NEW = "new"
    WORKING = "working"
    QUALIFIED = "qualified"
    CONVERTING = "converting"
    CONVERTED = "converted"
    UNQUALIFIED = "unqualified"


_MOVES: Final[Mapping[LeadStatus, frozenset[LeadStatus]]] = {
    LeadStatus.NEW: frozenset(
        {LeadStatus.WORKING, LeadStatus.QUALIFIED, LeadStatus.UNQUALIFIED}
    ),
    LeadStatus.WORKING: frozenset(
        {LeadStatus.NEW, LeadStatus.QUALIFIED, LeadStatus.UNQUALIFIED}
    ),
    LeadStatus.QUALIFIED: frozenset(
        {LeadStatus.WORKING, LeadStatus.CONVERTING, LeadStatus.UNQUALIFIED}
    ),
    LeadStatus.CONVERTING: frozenset({LeadStatus.QUALIFIED, LeadStatus.CONVERTED}),
    LeadStatus.CONVERTED: frozenset(),
    LeadStatus.UNQUALIFIED: frozenset({LeadStatus.NEW, LeadStatus.WORKING}),
}


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a lead becomes; all ids are known before anything is made."""

    account_id: str
    contact_id: str
    opportunity_id: str
    is_new_account: bool
    is_new_contact: bool
    opportunity_name: str
    amount: Money | None
    close_on: date | None


@dataclass(frozen=True, kw_only=True)
class Lead:
    """Somebody who might buy."""

    id: str
    status: LeadStatus = LeadStatus.NEW
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    email: str | None = None
    phone: str | None = None
    source: str | None = None
    rating: str | None = None
    description: str | None = None
    conversion: Conversion | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0

    @property
    def title(self) -> str:
        """What to call the lead before it has a name of its own."""
        name = " ".join(filter(None, (self.first_name, self.last_name)))
        return self.company or name or self.email or self.id


def new_lead(
    lead_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Lead:
    """A lead as it is first stored."""
    return Lead(
        id=lead_id,
        created_at=now,
        updated_at=now,
        **{"owner_id": owner_id, **data},
    )


def change(lead: Lead, patch: Mapping[str, Any], now: datetime) -> Lead:
    """The lead with ``patch`` applied; itself if nothing differs.

    Raises:
        ConflictError: ``lead_status_not_allowed``, or ``lead_is_converting``.
    """
    if all(getattr(lead, name) == value for name, value in patch.items()):
        return lead
    if lead.status is LeadStatus.CONVERTING:
        raise ConflictError("lead_is_converting", "The lead is being converted.")
    status = patch.get("status", lead.status)
    if status is not lead.status:
        _check_move(lead, status, "lead_status_not_allowed")
    return _replaced(lead, now, **patch)


def qualify(lead: Lead, now: datetime) -> Lead:
    """The lead, found worth pursuing; itself if it was before.

    Raises:
        ConflictError: ``lead_status_not_allowed``.
    """
    if lead.status is LeadStatus.QUALIFIED:
        return lead
    _check_move(lead, LeadStatus.QUALIFIED, "lead_status_not_allowed")
    return _replaced(lead, now, status=LeadStatus.QUALIFIED)


def begin_conversion(lead: Lead, conversion: Conversion, now: datetime) -> Lead:
    """The lead, on its way to become what ``conversion`` says.

    Raises:
        ConflictError: ``lead_not_qualified``.
    """
    _check_move(lead, LeadStatus.CONVERTING, "lead_not_qualified")
    return _replaced(lead, now, status=LeadStatus.CONVERTING, conversion=conversion)


def finish_conversion(lead: Lead, now: datetime) -> Lead:
    """The lead, converted."""
    _check_move(lead, LeadStatus.CONVERTED, "lead_status_not_allowed")
    return _replaced(lead, now, status=LeadStatus.CONVERTED)


def back_out(lead: Lead, now: datetime) -> Lead:
    """The lead, qualified as before the attempt to convert it."""
    return _replaced(lead, now, status=LeadStatus.QUALIFIED, conversion=None)


def archive(lead: Lead, now: datetime) -> Lead:
    """The lead, put away.

    Raises:
        ConflictError: ``lead_is_converting``.
    """
    if lead.status is LeadStatus.CONVERTING:
        raise ConflictError("lead_is_converting", "The lead is being converted.")
    return _replaced(lead, now, archived_at=now)


def restore(lead: Lead, now: datetime) -> Lead:
    """The lead, back among the live ones."""
    return _replaced(lead, now, archived_at=None)


def _check_move(lead: Lead, status: LeadStatus, code: str) -> None:
    if status not in _MOVES[lead.status]:
        raise ConflictError(code, f"A lead that is {lead.status} cannot do this.")


def _replaced(lead: Lead, now: datetime, **values: Any) -> Lead:
    later = max(now, lead.updated_at + timedelta(milliseconds=1))
    return dataclasses.replace(lead, **values, updated_at=later)
