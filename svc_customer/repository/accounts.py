"""Accounts in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.mongo import Collection, Document, by
from chassis.search_words import search_words
from chassis.searching import SEARCH_INDEX, Searchable
from svc_customer.domain.accounts import Account
from svc_customer.domain.records import Address
from svc_customer.repository.records import (
    CUSTOMER_FIELDS,
    CUSTOMER_INDEXES,
    FACETS,
    LIVE,
    phone_keys,
    stored_keys,
)

__all__ = ["ACCOUNTS", "AccountRepository"]

ACCOUNTS: Final = Collection(
    "accounts",
    (
        *CUSTOMER_INDEXES,
        SEARCH_INDEX,
        by("folded.name", covering=FACETS),
        by("folded.domain", covering=FACETS),
        by("folded.industry", covering=FACETS),
        by("employee_count", covering=FACETS),
        by("phone_keys"),
        by("parent_id", "created_at", covering=FACETS),
    ),
)


class AccountRepository(Searchable[Account]):
    """Accounts of one organization."""

    collection = ACCOUNTS
    noun = "account"
    resource = "accounts"
    entity = Account
    schema_version = 4
    live = LIVE
    sparse_keys = frozenset({"external_keys"})
    fields: ClassVar[Mapping[str, Field]] = {
        **CUSTOMER_FIELDS,
        "name": Field("text", is_sortable=True),
        "domain": Field("text", is_sortable=True),
        "industry": Field("text"),
        "employee_count": Field("integer", is_sortable=True),
        "parent_id": Field("id"),
        "phone": Field("phone", "phone_keys", is_list=True),
    }

    def restore(self, document: Document) -> Account:
        """Build the account that ``document`` keeps."""
        addresses = {
            name: document[name] and Address(**document[name])
            for name in ("billing_address", "shipping_address")
        }
        return super().restore({**document, **addresses})

    def index_fields(self, entity: Account) -> Document:
        """External ids as keys, numbers in one spelling, and words to be found by."""
        numbers = [each for each in (entity.phone_e164, entity.phone) if each]
        words = search_words((entity.name,), (entity.domain,), numbers)
        return {
            "phone_keys": phone_keys(numbers),
            **stored_keys(entity.external_ids),
            "search_words": words if entity.archived_at is None else [],
        }
