"""Telephone numbers as people type them, read by Google's libphonenumber.

A number that begins with ``+`` or ``00`` says its country itself; for others it
is that of the record's address, if that has a country's code. What is typed is
kept: the number as it is dialed from abroad (ITU-T E.164) stands beside it.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import Contact
from svc_customer.domain.records import Address

__all__ = ["read_number", "with_account_number", "with_numbers"]

_ABROAD: Final = ("+", "\uff0b", "00")


def read_number(number: str, country: str | None) -> tuple[str | None, str]:
    """The number in E.164, if it is or may be one, and its validity.

    Args:
        number: As it was typed.
        country: Where it is dialed from if it does not say (ISO 3166-1).
    """
    dialed = number.strip()
    if country is None and dialed.startswith("00"):
        dialed = f"+{dialed[2:]}"
    if country is None and not dialed.startswith(_ABROAD):
        return None, "unknown"
    try:
        parsed = phonenumbers.parse(dialed, country)
    except NumberParseException:
        return None, "invalid"
    if not phonenumbers.is_possible_number(parsed):
        return None, "invalid"
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return e164, "valid" if phonenumbers.is_valid_number(parsed) else "possible"


def with_numbers(
    data: Mapping[str, Any], contact: Contact | None = None
) -> dict[str, Any]:
    """What is stored of a contact, its numbers read; all of them anew if it moves."""
    if not {"phones", "addresses"} & data.keys():
        return dict(data)
    known = () if contact is None else contact.phones
    moved = () if contact is None else contact.addresses
    country = _country(data.get("addresses", moved))
    phones = []
    for phone in data.get("phones", known):
        e164, validity = read_number(phone.number, country)
        phones.append(dataclasses.replace(phone, e164=e164, validity=validity))
    return {**data, "phones": tuple(phones)}


def with_account_number(
    data: Mapping[str, Any], account: Account | None = None
) -> dict[str, Any]:
    """What is stored of an account, its number read; anew if it moves."""
    places = ("billing_address", "shipping_address")
    if not {"phone", *places} & data.keys():
        return dict(data)
    addresses = [data.get(name, getattr(account, name, None)) for name in places]
    number = data.get("phone", getattr(account, "phone", None))
    e164 = number and read_number(number, _country(filter(None, addresses)))[0]
    return {**data, "phone_e164": e164}


def _country(addresses: Iterable[Address]) -> str | None:
    """The first country that is told by its code."""
    codes = (address.country for address in addresses)
    return next(
        (code for code in codes if code in phonenumbers.SUPPORTED_REGIONS), None
    )
