"""People, and how to reach them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chassis.errors import invalid_field, invalid_input
from svc_customer.domain.records import Address, CustomerRecord

__all__ = [
    "EMAIL_VALIDITIES",
    "MOST_ACCOUNTS",
    "PHONE_VALIDITIES",
    "Contact",
    "ContactAccount",
    "EmailAddress",
    "PhoneNumber",
    "change_contact",
    "is_identified",
    "new_contact",
    "put_contact_back",
]

MOST_ACCOUNTS: Final = 20
EMAIL_VALIDITIES: Final = ("unverified", "valid", "invalid", "bounced", "disposable")
PHONE_VALIDITIES: Final = ("valid", "possible", "invalid", "unknown")


@dataclass(frozen=True, kw_only=True)
class EmailAddress:
    """One of a person's addresses."""

    address: str
    type: str = "work"
    is_primary: bool = False
    validity: str = "unverified"


@dataclass(frozen=True, kw_only=True)
class PhoneNumber:
    """One of a person's numbers, as it was typed and as it is dialed from abroad.

    Attributes:
        e164: Unknown for a number without a country, and for none at all.
        validity: ``unknown`` is one without a country, ``possible`` has the
            right length for its country, ``valid`` is in a range in use.
    """

    number: str
    type: str = "work"
    is_primary: bool = False
    e164: str | None = None
    validity: str = "unknown"


@dataclass(frozen=True, kw_only=True)
class ContactAccount:
    """An account that somebody belongs to, and as what."""

    account_id: str
    role: str | None = None
    is_primary: bool = False


@dataclass(frozen=True, kw_only=True)
class Contact(CustomerRecord):
    """A person that the organization deals with."""

    first_name: str | None = None
    last_name: str | None = None
    emails: tuple[EmailAddress, ...] = ()
    phones: tuple[PhoneNumber, ...] = ()
    job_title: str | None = None
    accounts: tuple[ContactAccount, ...] = ()
    do_not_contact: bool = False
    addresses: tuple[Address, ...] = ()

    @property
    def email(self) -> str | None:
        """The primary e-mail address."""
        return next((e.address for e in self.emails if e.is_primary), None)

    @property
    def phone(self) -> str | None:
        """The primary phone number."""
        return next((p.number for p in self.phones if p.is_primary), None)

    @property
    def account_id(self) -> str | None:
        """The primary account."""
        return next((a.account_id for a in self.accounts if a.is_primary), None)


def is_identified(data: Mapping[str, Any]) -> bool:
    """Whether there is enough to tell this person from others."""
    return bool(data.get("last_name") or data.get("emails"))


def new_contact(
    contact_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Contact:
    """A contact as it is first stored."""
    return Contact(
        id=contact_id,
        created_at=now,
        updated_at=now,
        **{"owner_id": owner_id, **_with_accounts(data, ())},
    ).begun()


def change_contact(
    contact: Contact, patch: Mapping[str, Any], now: datetime
) -> Contact:
    """The contact with ``patch`` applied.

    Raises:
        InvalidInputError: ``contact_unidentified``: neither a last name nor
            an address would be left; ``invalid_input``: too many accounts.
    """
    return _identified(contact.changed(_with_accounts(patch, contact.accounts), now))


def put_contact_back(
    contact: Contact, patch: Mapping[str, Any], now: datetime
) -> Contact:
    """The contact with a patch of values that it had before; see above."""
    return _identified(contact.put_back(_with_accounts(patch, contact.accounts), now))


def _identified(contact: Contact) -> Contact:
    if not is_identified({"last_name": contact.last_name, "emails": contact.emails}):
        names = ("last_name", "emails")
        raise invalid_input(
            [{"field": name, "code": "contact_unidentified"} for name in names],
            "contact_unidentified",
            "A contact needs a last name or an address.",
        )
    return contact


def _with_accounts(
    data: Mapping[str, Any], accounts: tuple[ContactAccount, ...]
) -> dict[str, Any]:
    """The same, with ``account_id`` said as what becomes of all accounts.

    It takes the place of the primary one; none leaves the others as they are.
    """
    told = {name: value for name, value in data.items() if name != "account_id"}
    if "account_id" not in data:
        return told
    return {**told, "accounts": _with_primary(accounts, data["account_id"])}


def _with_primary(
    accounts: tuple[ContactAccount, ...], account_id: str | None
) -> tuple[ContactAccount, ...]:
    if any(each.account_id == account_id for each in accounts):
        return tuple(
            dataclasses.replace(each, is_primary=each.account_id == account_id)
            for each in accounts
        )
    others = tuple(each for each in accounts if not each.is_primary)
    if account_id is None:
        return others
    if len(others) >= MOST_ACCOUNTS:
        raise invalid_field(
            "invalid_input", f"At most {MOST_ACCOUNTS} accounts.", field="account_id"
        )
    return (ContactAccount(account_id=account_id, is_primary=True), *others)
