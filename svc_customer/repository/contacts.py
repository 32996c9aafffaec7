"""Contacts in MongoDB."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from chassis.fields import Field
from chassis.mailboxes import address_key
from chassis.mongo import Collection, Document, by
from chassis.search_words import search_words
from chassis.searching import SEARCH_INDEX
from svc_customer.domain.contacts import (
    Contact,
    ContactAccount,
    EmailAddress,
    PhoneNumber,
)
from svc_customer.domain.records import Address
from svc_customer.repository.custom_values import CUSTOM_INDEXES, Customized
from svc_customer.repository.customers import CustomerRepository
from svc_customer.repository.records import (
    CUSTOMER_FIELDS,
    CUSTOMER_INDEXES,
    FACETS,
    phone_keys,
    stored_keys,
)

__all__ = ["CONTACTS", "ContactRepository"]

CONTACTS: Final = Collection(
    "contacts",
    (
        *CUSTOMER_INDEXES,
        *CUSTOM_INDEXES,
        SEARCH_INDEX,
        by("folded.last_name", covering=FACETS),
        by("folded.last_name", "folded.first_name", covering=FACETS),
        by("folded.first_name", covering=FACETS),
        by("folded.job_title", covering=FACETS),
        by("email_keys"),
        by("phone_keys"),
        by("account_ids", "created_at", covering=FACETS),
        by("do_not_contact", "created_at", covering=FACETS),
    ),
)


class ContactRepository(Customized, CustomerRepository[Contact]):
    """Contacts of one organization."""

    collection = CONTACTS
    noun = "contact"
    resource = "contacts"
    entity = Contact
    schema_version = 5
    orders = (("last_name", "first_name"),)
    fields: ClassVar[Mapping[str, Field]] = {
        **CUSTOMER_FIELDS,
        "last_name": Field("text", is_sortable=True),
        "first_name": Field("text", is_sortable=True),
        "job_title": Field("text"),
        "email": Field("email", "email_keys", is_list=True),
        "phone": Field("phone", "phone_keys", is_list=True),
        "account_id": Field("id", "account_ids", is_list=True),
        "do_not_contact": Field("flag"),
    }

    def restore(self, document: Document) -> Contact:
        """Build the contact that ``document`` keeps."""
        parts = {
            "emails": tuple(EmailAddress(**each) for each in document["emails"]),
            "phones": tuple(PhoneNumber(**each) for each in document["phones"]),
            "addresses": tuple(Address(**each) for each in document["addresses"]),
            "accounts": tuple(ContactAccount(**each) for each in _accounts(document)),
        }
        return super().restore({**document, **parts})

    def index_fields(self, entity: Contact) -> Document:
        """External ids as keys, addresses and numbers in one spelling, search words."""
        email_keys = [address_key(each.address) for each in entity.emails]
        numbers = [
            number
            for each in entity.phones
            for number in (each.e164, each.number)
            if number
        ]
        words = search_words(
            (entity.first_name, entity.last_name),
            [each.address for each in entity.emails] + email_keys,
            numbers,
        )
        return {
            "search_words": words if entity.archived_at is None else [],
            **stored_keys(entity.external_ids),
            "email_keys": email_keys,
            "phone_keys": phone_keys(numbers),
            "account_ids": [each.account_id for each in entity.accounts],
        }


def _accounts(document: Document) -> Sequence[Mapping[str, Any]]:
    """Those of a contact; once there was one at most."""
    if "accounts" in document:
        return document["accounts"]  # type: ignore[no-any-return]
    only = document.get("account_id")
    return [{"account_id": only, "is_primary": True}] if only else []
