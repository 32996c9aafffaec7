"""What interactions add up to: pure folds from contributions to differences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

__all__ = ["Contribution", "Counted", "Day", "Differences", "differences"]


@dataclass(frozen=True)
class Counted:
    """A contact or an account whose interactions are counted."""

    org_id: str
    resource: str
    record_id: str


@dataclass(frozen=True)
class Day:
    """One type of interaction with one record on one day (UTC)."""

    record: Counted
    type: str
    day: str


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one live interaction adds, to each record that it happened with.

    Attributes:
        amount: In the organization's currency; nothing for other currencies.
    """

    org_id: str
    contact_id: str | None
    account_id: str | None
    type: str
    occurred_at: datetime
    amount: Decimal = Decimal(0)

    @property
    def records(self) -> Iterator[Counted]:
        """With whom it happened."""
        if self.contact_id is not None:
            yield Counted(self.org_id, "contacts", self.contact_id)
        if self.account_id is not None:
            yield Counted(self.org_id, "accounts", self.account_id)

    @property
    def day(self) -> str:
        """The day on which it happened (UTC)."""
        return self.occurred_at.date().isoformat()


@dataclass
class Differences:
    """What has to be added to what was counted before.

    Attributes:
        counts: By day of a record.
        amounts: The same for the amounts.
        totals: By record.
        latest: The latest interaction that a record gained.
        reduced: Records that lost one, perhaps their latest.
    """

    counts: Counter[Day] = field(default_factory=Counter)
    amounts: defaultdict[Day, Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    totals: Counter[Counted] = field(default_factory=Counter)
    latest: dict[Counted, datetime] = field(default_factory=dict)
    reduced: set[Counted] = field(default_factory=set)

    def add(self, contribution: Contribution, sign: int) -> None:
        """Add a contribution, or take it away."""
        for record in contribution.records:
            day = Day(record, contribution.type, contribution.day)
            self.counts[day] += sign
            self.amounts[day] += sign * contribution.amount
            self.totals[record] += sign
            if sign < 0:
                self.reduced.add(record)
                continue
            at = contribution.occurred_at
            self.latest[record] = max(at, self.latest.get(record, at))


def differences(
    changes: Iterable[tuple[Contribution | None, Contribution | None]],
) -> Differences:
    """What follows from interactions that counted as one thing and are another.

    Args:
        changes: What each was counted as, and what it is; None for nothing.
    """
    found = Differences()
    for before, after in changes:
        if before is not None:
            found.add(before, -1)
        if after is not None:
            found.add(after, 1)
    return found
