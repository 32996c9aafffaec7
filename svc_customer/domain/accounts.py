"""Companies and households."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from svc_customer.domain.records import Address, CustomerRecord

__all__ = ["Account", "new_account"]


@dataclass(frozen=True, kw_only=True)
class Account(CustomerRecord):
    """A company or a household."""

    name: str
    domain: str | None = None
    industry: str | None = None
    employee_count: int | None = None
    phone: str | None = None
    phone_e164: str | None = None
    website: str | None = None
    parent_id: str | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None


def new_account(
    account_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> Account:
    """An account as it is first stored."""
    return Account(
        id=account_id,
        created_at=now,
        updated_at=now,
        **{"owner_id": owner_id, **data},
    )
