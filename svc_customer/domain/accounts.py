"""Companies and households."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chassis.errors import invalid_field
from svc_customer.domain.records import Address, CustomerRecord

__all__ = ["DEEPEST", "Account", "check_place", "new_account"]

DEEPEST: Final = 10


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
    ).begun()


def check_place(account_id: str | None, way_up: Sequence[str], levels: int) -> None:
    """Refuse a place in the tree of accounts that makes it none, or too deep.

    Args:
        account_id: The account; None for a new one.
        way_up: The account above it, and all above that.
        levels: How many levels there are beneath it.

    Raises:
        InvalidInputError: ``account_cycle`` or ``account_too_deep``.
    """
    if account_id in way_up:
        raise invalid_field(
            "account_cycle", "An account would belong to itself.", field="parent_id"
        )
    if len(way_up) + 1 + levels > DEEPEST:
        raise invalid_field(
            "account_too_deep",
            f"Accounts go {DEEPEST} levels deep at most.",
            field="parent_id",
        )
