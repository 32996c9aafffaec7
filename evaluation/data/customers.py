"""Accounts and contacts as a company of some years has them: skewed, with gaps.

A few owners have most, a few tags are on most, new ones come faster every year,
some have no owner, no address or no name but an address. Everything follows
from the seed, in whatever order and however many processes make it.
"""

import math
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeVar

from chassis.folding import fold
from chassis.ids import derive_id
from evaluation.data.names import (
    CITIES,
    FIRST_NAMES,
    INDUSTRIES,
    JOB_TITLES,
    LAST_NAMES,
    LEGAL_FORMS,
    MAIL_PROVIDERS,
    SOURCES,
    STAGES,
    TOPICS,
    TRADES,
)
from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import (
    Contact,
    ContactAccount,
    EmailAddress,
    PhoneNumber,
)
from svc_customer.domain.records import Address

__all__ = ["DATA_END", "Organization", "organizations"]

Item = TypeVar("Item")

_BORN: Final = datetime(2021, 1, 1, tzinfo=UTC)
_AGE_MS: Final = 5 * 365 * 86_400_000
# When everything that there is has happened.
DATA_END: Final = _BORN + timedelta(milliseconds=_AGE_MS)
_OTHERS: Final = 4
_PEOPLE: Final = 200
_CONTACTS_PER_ACCOUNT: Final = 10
_CHANGED_AFTER_S: Final = 90 * 86_400
# Shares of all.
_ARCHIVED: Final = 0.03
_CHANGED: Final = 0.6
_DOUBLE_NAMES: Final = 0.1
_EMPLOYED: Final = 0.7
_NOT_TO_CONTACT: Final = 0.04
_TWO_EMAILS: Final = 0.2
_WITH_ADDRESS: Final = 0.3
_WITH_PHONE: Final = 0.6
_WITH_SOURCE: Final = 0.9
_WITH_TITLE: Final = 0.6
_WITHOUT_EMAIL: Final = 0.05
_WITHOUT_OWNER: Final = 0.05
_WITHOUT_TEAM: Final = 0.4
_TAGS: Final = tuple(
    topic if not year else f"{topic}-{year}"
    for year in (0, *range(2021, 2026))
    for topic in TOPICS
)


@cache
def _skewed(count: int, exponent: float) -> Sequence[float]:
    """Weights after Zipf, summed up."""
    return list(accumulate(1 / (rank + 1) ** exponent for rank in range(count)))


@dataclass(frozen=True)
class Organization:
    """One organization, and how much of what it has.

    Attributes:
        owner_ids: Its people, those who own the most records first.
        team_ids: Its teams, likewise.
    """

    id: str
    seed: int
    contact_count: int
    owner_ids: Sequence[str]
    team_ids: Sequence[str]

    @property
    def account_count(self) -> int:
        """How many companies its contacts work for."""
        return self.contact_count // _CONTACTS_PER_ACCOUNT

    def accounts(self, start: int, stop: int) -> Iterator[Account]:
        """Those with numbers from ``start`` on, up to before ``stop``."""
        for number in range(start, stop):
            yield _account(self, number)

    def contacts(self, start: int, stop: int) -> Iterator[Contact]:
        """Those with numbers from ``start`` on, up to before ``stop``."""
        for number in range(start, stop):
            yield _contact(self, number)

    def id_of(self, made_at: datetime, name: str) -> str:
        """The id of what is called so in this organization."""
        return _id(made_at, f"{self.id} {name}")

    def chance(self, kind: str, number: int) -> random.Random:
        """The chance that makes one record, always the same."""
        return random.Random(f"{self.seed} {self.id} {kind} {number}")  # noqa: S311 - no secret


def organizations(contacts: int, seed: int = 1) -> list[Organization]:
    """The first has so many contacts; the others a tenth of that together."""
    found = []
    for number in range(1 + _OTHERS):
        name = f"{seed} organization {number}"
        people = _PEOPLE if number == 0 else _PEOPLE // 10
        found.append(
            Organization(
                id=_id(_BORN, name),
                seed=seed,
                contact_count=contacts if number == 0 else contacts // (10 * _OTHERS),
                owner_ids=[_id(_BORN, f"{name} person {n}") for n in range(people)],
                team_ids=[_id(_BORN, f"{name} team {n}") for n in range(people // 10)],
            )
        )
    return found


def _id(made_at: datetime, name: str) -> str:
    """The id of something by that name, as if it had been made at that time."""
    milliseconds = round(made_at.timestamp() * 1_000)
    return derive_id(str(uuid.UUID(int=milliseconds << 80)), name)


def _made_at(number: int, count: int) -> datetime:
    """The later, the more: as many in the last quarter as in the first half."""
    return _BORN + timedelta(milliseconds=int(_AGE_MS * math.sqrt(number / count)))


def _pick(chance: random.Random, items: Sequence[Item], exponent: float = 0.8) -> Item:
    weights = _skewed(len(items), exponent)
    return chance.choices(items, cum_weights=weights)[0]


def _common(
    organization: Organization, kind: str, number: int, count: int
) -> tuple[random.Random, dict[str, Any]]:
    """The chance of one record, and what every customer record has."""
    chance = organization.chance(kind, number)
    made_at = _made_at(number, count)
    changed_at = made_at
    if chance.random() < _CHANGED:
        age_s = chance.expovariate(1 / _CHANGED_AFTER_S)
        later = made_at + timedelta(milliseconds=int(age_s * 1_000))
        changed_at = later if later < DATA_END else made_at
    tags = [_pick(chance, _TAGS, 1.1) for _ in range(_tag_count(chance))]
    return chance, {
        "id": organization.id_of(made_at, f"{kind} {number}"),
        "owner_id": _owner(chance, organization),
        "team_ids": _teams(chance, organization),
        "external_ids": {"legacy": f"{kind[0]}{number}"} if number % 5 == 0 else {},
        "created_at": made_at,
        "updated_at": changed_at,
        "archived_at": changed_at if chance.random() < _ARCHIVED else None,
        "lifecycle_stage": _of(chance, STAGES),
        "source": _of(chance, SOURCES) if chance.random() < _WITH_SOURCE else None,
        "tags": tuple(dict.fromkeys(tags)),
    }


def _tag_count(chance: random.Random) -> int:
    return min(int(chance.expovariate(0.6)), 8)


def _owner(chance: random.Random, organization: Organization) -> str | None:
    if chance.random() < _WITHOUT_OWNER:
        return None
    return _pick(chance, organization.owner_ids)


def _teams(chance: random.Random, organization: Organization) -> tuple[str, ...]:
    if chance.random() < _WITHOUT_TEAM or not organization.team_ids:
        return ()
    return (_pick(chance, organization.team_ids),)


def _of(chance: random.Random, shares: Mapping[str, int]) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]


def _account(organization: Organization, number: int) -> Account:
    chance, common = _common(
        organization, "account", number, organization.account_count
    )
    name = " ".join(
        filter(
            None,
            (
                _pick(chance, LAST_NAMES, 0.3),
                *([_pick(chance, LAST_NAMES, 0.3)] if chance.random() < 0.3 else ()),  # noqa: PLR2004
                chance.choice(TRADES),
                _pick(chance, LEGAL_FORMS),
            ),
        )
    )
    return Account(
        **common,
        name=name,
        domain=_domain(organization, number),
        industry=_pick(chance, INDUSTRIES),
        employee_count=int(chance.paretovariate(0.9)),
        phone=_phone(chance),
        billing_address=_address(chance),
    )


def _contact(organization: Organization, number: int) -> Contact:
    chance, common = _common(
        organization, "contact", number, organization.contact_count
    )
    first, last = _pick(chance, FIRST_NAMES, 0.7), _pick(chance, LAST_NAMES, 0.7)
    if chance.random() < _DOUBLE_NAMES:
        last = f"{last}-{_pick(chance, LAST_NAMES, 0.7)}"
    employer = _employer(chance, organization)
    return Contact(
        **common,
        first_name=first,
        last_name=last,
        emails=_emails(chance, organization, f"{first}.{last}", number, employer),
        phones=_phones(chance),
        job_title=_pick(chance, JOB_TITLES) if chance.random() < _WITH_TITLE else None,
        accounts=() if employer is None else _employed(organization, employer),
        do_not_contact=chance.random() < _NOT_TO_CONTACT,
        addresses=(_address(chance),) if chance.random() < _WITH_ADDRESS else (),
    )


def _employer(chance: random.Random, organization: Organization) -> int | None:
    """The number of the account that a contact works for; some are large."""
    count = organization.account_count
    if not count or chance.random() > _EMPLOYED:
        return None
    return int(count * chance.random() ** 3)


def _employed(organization: Organization, number: int) -> tuple[ContactAccount, ...]:
    account_id = _account_id(organization, number)
    return (ContactAccount(account_id=account_id, is_primary=True),)


def _account_id(organization: Organization, number: int) -> str:
    made_at = _made_at(number, organization.account_count)
    return organization.id_of(made_at, f"account {number}")


def _domain(organization: Organization, number: int) -> str:
    return f"company-{number}-{organization.id[-4:]}.example"


def _emails(
    chance: random.Random,
    organization: Organization,
    name: str,
    number: int,
    employer: int | None,
) -> tuple[EmailAddress, ...]:
    if chance.random() < _WITHOUT_EMAIL:
        return ()
    plain = fold(name).encode("ascii", "ignore").decode().replace(" ", "") or "mail"
    private = f"{plain}{number}@{_pick(chance, MAIL_PROVIDERS)}"
    if employer is None:
        return (EmailAddress(address=private, type="home", is_primary=True),)
    work = f"{plain}.{number}@{_domain(organization, employer)}"
    both = (
        EmailAddress(address=work, is_primary=True),
        EmailAddress(address=private, type="home"),
    )
    return both if chance.random() < _TWO_EMAILS else both[:1]


def _phones(chance: random.Random) -> tuple[PhoneNumber, ...]:
    if chance.random() > _WITH_PHONE:
        return ()
    return (PhoneNumber(number=_phone(chance), is_primary=True),)


def _phone(chance: random.Random) -> str:
    return f"+{chance.choice((1, 33, 44, 49))} {chance.randrange(10**8, 10**9)}"


def _address(chance: random.Random) -> Address:
    city, country = _pick(chance, CITIES)
    street = f"{_pick(chance, LAST_NAMES, 0.3)} street {chance.randrange(1, 200)}"
    postal_code = f"{chance.randrange(10_000, 99_999)}"
    return Address(street=street, city=city, postal_code=postal_code, country=country)
