"""People, and how to reach them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chassis.errors import InvalidInputError
from svc_customer.domain.records import Address, CustomerRecord

__all__ = [
    "EMAIL_VALIDITIES",
    "PHONE_VALIDITIES",
    "Contact",
    "EmailAddress",
    "PhoneNumber",
    "change_contact",
    "is_identified",
    "new_contact",
]

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
class Contact(CustomerRecord):
    """A person that the organization deals with."""

    first_name: str | None = None
    last_name: str | None = None
    emails: tuple[EmailAddress, ...] = ()
    phones: tuple[PhoneNumber, ...] = ()
    job_title: str | None = None
    account_id: str | None = None
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
        **{"owner_id": owner_id, **data},
    ).begun()


def change_contact(
    contact: Contact, patch: Mapping[str, Any], now: datetime
) -> Contact:
    """The contact with ``patch`` applied.

    Raises:
        InvalidInputError: ``contact_unidentified``: neither a last name nor
            an address would be left.
    """
    changed = contact.changed(patch, now)
    if not is_identified({"last_name": changed.last_name, "emails": changed.emails}):
        raise InvalidInputError(
            "contact_unidentified", "A contact needs a last name or an address."
        )
    return changed
