"""What happened with made-up contacts: five entries each on average.

Some contacts have none, many have a few, and one in an organization has so many
that its timeline is long. Everything follows from the seed, contact by contact.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from chassis.money import Money
from evaluation.data.customers import DATA_END, Organization
from evaluation.data.names import TOPICS
from svc_customer.domain.contacts import Contact
from svc_customer.domain.interactions import Interaction

__all__ = ["LONGEST", "busiest_contact", "interactions_of"]

# Entries of the one long timeline, unless the organization is small.
LONGEST: Final = 10_000
_MEAN: Final = 5
_MOST: Final = 60
_BUSIEST_SHARE: Final = 10
# With how many of a thousand entries are of that type.
_TYPES: Final = {
    "email": 420, "call": 200, "note": 110, "purchase": 120, "meeting": 70,
    "task": 50, "visit": 20, "ticket": 10,
}  # fmt: skip
_WITH_DIRECTION: Final = frozenset({"email", "call"})
_WITH_BODY: Final = frozenset({"note", "email", "meeting"})
_BODY: Final = "Talked about the offer, the dates and who else has to agree. "


def busiest_contact(organization: Organization) -> int:
    """The number of the contact with the long timeline."""
    return organization.contact_count // 2


def interactions_of(
    organization: Organization, start: int, stop: int
) -> Iterator[Interaction]:
    """The entries of contacts with numbers from ``start`` to before ``stop``."""
    busiest = busiest_contact(organization)
    for number, contact in enumerate(organization.contacts(start, stop), start):
        chance = organization.chance("interactions", number)
        count = min(int(chance.expovariate(1 / _MEAN) + 0.5), _MOST)
        if number == busiest:
            count = min(LONGEST, organization.contact_count * _BUSIEST_SHARE)
        span_s = (DATA_END - contact.created_at).total_seconds()
        moments = sorted(
            contact.created_at + timedelta(milliseconds=int(span_s * 1_000 * share))
            for share in (chance.random() for _ in range(count))
        )
        for place, moment in enumerate(moments):
            interaction_id = organization.id_of(moment, f"entry {number} {place}")
            yield _interaction(chance, interaction_id, contact, moment)


def _interaction(
    chance: random.Random, interaction_id: str, contact: Contact, moment: datetime
) -> Interaction:
    type_ = chance.choices(list(_TYPES), list(_TYPES.values()))[0]
    amount = Decimal(chance.randrange(500, 50_000)) / 100
    return Interaction(
        id=interaction_id,
        type=type_,
        occurred_at=moment,
        contact_id=contact.id,
        account_id=contact.account_id,
        owner_id=contact.owner_id,
        team_ids=contact.team_ids,
        direction=chance.choice(("inbound", "outbound"))
        if type_ in _WITH_DIRECTION
        else None,
        subject=f"About {chance.choice(TOPICS)}",
        body=_BODY * chance.randrange(1, 4) if type_ in _WITH_BODY else None,
        amount=Money(amount, "EUR") if type_ == "purchase" else None,
        created_at=moment,
        updated_at=moment,
    )
