"""Accounts in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.mongo import Collection, Document, by
from chassis.query import Field
from chassis.repository import Repository
from svc_customer.domain.accounts import Account
from svc_customer.domain.records import Address
from svc_customer.repository.records import (
    RECORD_FIELDS,
    RECORD_INDEXES,
    external_keys,
)

__all__ = ["ACCOUNTS", "AccountRepository"]

ACCOUNTS: Final = Collection(
    "accounts",
    (
        *RECORD_INDEXES,
        by("name"),
        by("domain"),
        by("parent_id", "created_at"),
        by("lifecycle_stage", "created_at"),
        by("tags"),
    ),
)


class AccountRepository(Repository[Account]):
    """Accounts of one organization."""

    collection = ACCOUNTS
    noun = "account"
    resource = "accounts"
    entity = Account
    fields: ClassVar[Mapping[str, Field]] = {
        **RECORD_FIELDS,
        "name": Field(is_sortable=True),
        "domain": Field(),
        "parent_id": Field("id"),
        "lifecycle_stage": Field(),
        "tags": Field(),
    }

    def restore(self, document: Document) -> Account:
        """Build the account that ``document`` keeps."""
        addresses = {
            name: document[name] and Address(**document[name])
            for name in ("billing_address", "shipping_address")
        }
        return super().restore({**document, **addresses})

    def index_fields(self, entity: Account) -> Document:
        """External ids as keys."""
        return external_keys(entity.external_ids)
