"""Contacts in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.mongo import Collection, Document, by
from chassis.query import Field
from chassis.repository import Repository
from svc_customer.domain.contacts import Contact, EmailAddress, PhoneNumber
from svc_customer.domain.records import Address
from svc_customer.repository.records import (
    RECORD_FIELDS,
    RECORD_INDEXES,
    external_keys,
)

__all__ = ["CONTACTS", "ContactRepository"]

CONTACTS: Final = Collection(
    "contacts",
    (
        *RECORD_INDEXES,
        by("last_name"),
        by("email_keys"),
        by("account_id", "created_at"),
        by("lifecycle_stage", "created_at"),
        by("tags"),
    ),
)


class ContactRepository(Repository[Contact]):
    """Contacts of one organization."""

    collection = CONTACTS
    noun = "contact"
    resource = "contacts"
    entity = Contact
    fields: ClassVar[Mapping[str, Field]] = {
        **RECORD_FIELDS,
        "last_name": Field(is_sortable=True),
        "email": Field("email", "email_keys"),
        "account_id": Field("id"),
        "lifecycle_stage": Field(),
        "tags": Field(),
    }

    def restore(self, document: Document) -> Contact:
        """Build the contact that ``document`` keeps."""
        parts = {
            "emails": tuple(EmailAddress(**each) for each in document["emails"]),
            "phones": tuple(PhoneNumber(**each) for each in document["phones"]),
            "addresses": tuple(Address(**each) for each in document["addresses"]),
        }
        return super().restore({**document, **parts})

    def index_fields(self, entity: Contact) -> Document:
        """External ids as keys, addresses in one spelling."""
        return {
            **external_keys(entity.external_ids),
            "email_keys": [each.address.casefold() for each in entity.emails],
        }
