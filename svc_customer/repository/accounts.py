"""Accounts in MongoDB."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.mongo import Collection, Document, by
from chassis.search_words import search_words
from chassis.searching import SEARCH_INDEX
from svc_customer.domain.accounts import DEEPEST, Account
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

__all__ = ["ACCOUNTS", "AccountRepository"]

# Of one level no more are followed further down.
_MOST_OF_A_LEVEL: Final = 10_000
_BY_PARENT: Final = by("parent_id", "created_at", covering=FACETS)

ACCOUNTS: Final = Collection(
    "accounts",
    (
        *CUSTOMER_INDEXES,
        *CUSTOM_INDEXES,
        SEARCH_INDEX,
        by("folded.name", covering=FACETS),
        by("folded.domain", covering=FACETS),
        by("folded.industry", covering=FACETS),
        by("employee_count", covering=FACETS),
        by("phone_keys"),
        _BY_PARENT,
    ),
)


class AccountRepository(Customized, CustomerRepository[Account]):
    """Accounts of one organization."""

    collection = ACCOUNTS
    noun = "account"
    resource = "accounts"
    entity = Account
    schema_version = 4
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

    def way_up(self, account_id: str) -> list[str]:
        """An account and those above it, the nearest first, archived ones too.

        In a transaction nobody else moves any of them until it has ended: two
        that would make a circle between them meet here.

        Returns:
            At most one more than may stand above each other; nothing if there
            is no such account.
        """
        way: list[str] = []
        next_id: str | None = account_id
        while next_id is not None and next_id not in way and len(way) <= DEEPEST:
            row = self._held(next_id)
            if row is None:
                break
            way.append(next_id)
            next_id = row["parent_id"]
        return way

    def levels_beneath(self, account_id: str) -> int:
        """How many levels of accounts stand beneath one, as far as that matters."""
        level, depth = [account_id], 0
        while depth <= DEEPEST:
            stages: list[Document] = [
                {"$match": {"parent_id": {"$in": level}}},
                {"$limit": _MOST_OF_A_LEVEL},
                {"$project": {"_id": 1}},
            ]
            rows = self._rows.aggregate(stages, _BY_PARENT.keys)
            if not rows:
                break
            level, depth = [row["_id"] for row in rows], depth + 1
        return depth

    def _held(self, account_id: str) -> Document | None:
        conditions = {"_id": account_id}
        if self._context.session is None:
            return self._rows.find_one(conditions)
        return self._rows.update(conditions, {"$inc": {"moves_beneath": 1}})
