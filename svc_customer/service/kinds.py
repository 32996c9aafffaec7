"""Every kind of record there is, for work that is not about one of them."""

from collections.abc import Mapping
from typing import Any

from chassis.resources import Records
from svc_customer.service.accounts import account_records
from svc_customer.service.contacts import contact_records
from svc_customer.service.dependencies import Dependencies
from svc_customer.service.interactions import interaction_records

__all__ = ["records_by_noun", "records_of"]


def records_of(worker: Dependencies) -> Mapping[str, Records[Any]]:
    """The records of each resource, in the hands of one worker."""
    return {
        "accounts": account_records(worker),
        "contacts": contact_records(worker),
        "interactions": interaction_records(worker),
    }


def records_by_noun(worker: Dependencies) -> Mapping[str, Records[Any]]:
    """The same, by what events call one of them."""
    return {each.repository.noun: each for each in records_of(worker).values()}
