"""The rpc role of svc_customer, composed of one mixin per aggregate."""

from chassis.rpc import rpc
from svc_customer.service import (
    accounts,
    bulk_updates,
    contacts,
    conversion,
    custom_fields,
    interactions,
    search,
    segment_members,
    tags,
)

__all__ = ["CustomerService"]


class CustomerService(
    accounts.AccountMethods,
    contacts.ContactMethods,
    interactions.InteractionMethods,
    custom_fields.CustomFieldMethods,
    conversion.ConversionMethods,
    search.SearchMethods,
    segment_members.SegmentMemberMethods,
    tags.TagMethods,
    bulk_updates.BulkUpdateMethods,
):
    """Companies, people, and what happened with them."""

    name = "customer"

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}
