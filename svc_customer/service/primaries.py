"""What becomes of a contact's lists where only the primary entry is given."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from chassis.dialing import digits
from chassis.mailboxes import address_key
from svc_customer.domain.contacts import Contact, EmailAddress, PhoneNumber

__all__ = ["with_whole_lists"]

Entry = TypeVar("Entry", EmailAddress, PhoneNumber)


def with_whole_lists(
    data: Mapping[str, Any], contact: Contact | None = None
) -> dict[str, Any]:
    """The same, with ``email`` and ``phone`` told as all that the contact has.

    What is given takes the place of the primary one and has its type; what is
    in the list already becomes primary there, as it is spelled now. Null takes
    the primary one away, and the next in order becomes primary.
    """
    told = dict(data)
    if "email" in told:
        emails = () if contact is None else contact.emails
        address = told.pop("email")
        new_email = EmailAddress(address=address) if address else None
        told["emails"] = _led(emails, new_email, lambda e: address_key(e.address))
    if "phone" in told:
        phones = () if contact is None else contact.phones
        number = told.pop("phone")
        new_phone = PhoneNumber(number=number) if number else None
        told["phones"] = _led(phones, new_phone, lambda p: digits(p.number))
    return told


def _led(
    entries: tuple[Entry, ...], new: Entry | None, key: Callable[[Entry], str]
) -> tuple[Entry, ...]:
    """The entries with another primary one, or without the one that they had."""
    primary = next((each for each in entries if each.is_primary), None)
    if new is None:
        rest = [each for each in entries if each is not primary]
        return tuple(replace(each, is_primary=each is rest[0]) for each in rest)
    known = next((each for each in entries if key(each) == key(new)), None)
    led = replace(new, is_primary=True)
    if known is not None:
        led = replace(led, type=known.type, validity=known.validity)
    elif primary is not None:
        led = replace(led, type=primary.type)
    whole = [replace(each, is_primary=False) for each in entries]
    replaced = known or primary
    place = 0 if replaced is None else entries.index(replaced)
    whole[place : place + 1] = [led]
    return tuple(whole)
