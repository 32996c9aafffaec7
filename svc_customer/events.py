"""The events of svc_customer: ids and facts, never a name or an address."""

from typing import Final

from chassis.events import Event, changes_between
from svc_customer.domain.accounts import Account
from svc_customer.domain.contacts import Contact
from svc_customer.domain.custom_fields import CustomField
from svc_customer.domain.interactions import Interaction
from svc_customer.domain.memberships import Membership
from svc_customer.domain.segments import Segment

__all__ = [
    "account_archived",
    "account_created",
    "account_restored",
    "account_updated",
    "contact_archived",
    "contact_created",
    "contact_restored",
    "contact_updated",
    "custom_field_archived",
    "custom_field_created",
    "custom_field_restored",
    "custom_field_updated",
    "interaction_archived",
    "interaction_recorded",
    "interaction_restored",
    "interaction_updated",
    "segment_archived",
    "segment_built",
    "segment_created",
    "segment_entered",
    "segment_left",
    "segment_restored",
    "segment_updated",
]

_PERSONAL: Final = frozenset(
    {
        "first_name",
        "last_name",
        "emails",
        "phones",
        "job_title",
        # They say as what.
        "accounts",
        "addresses",
    }
)
_ABOUT_A_PERSON: Final = frozenset({"subject", "body", "metadata", "attachments"})


def account_created(account: Account) -> Event:
    """There is a new account."""
    return _account("created", None, account)


def account_updated(before: Account, after: Account) -> Event:
    """An account has other values."""
    return _account("updated", before, after)


def account_archived(before: Account, after: Account) -> Event:
    """An account was put away."""
    return _account("archived", before, after)


def account_restored(before: Account, after: Account) -> Event:
    """An account is back."""
    return _account("restored", before, after)


def _account(verb: str, before: Account | None, after: Account) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"customer.account_{verb}",
        data={
            "lifecycle_stage": after.lifecycle_stage,
            "source": after.source,
            "changed": sorted(changes),
        },
        changes=changes,
    )


def contact_created(contact: Contact) -> Event:
    """There is a new contact."""
    return _contact("created", None, contact)


def contact_updated(before: Contact, after: Contact) -> Event:
    """A contact has other values."""
    return _contact("updated", before, after)


def contact_archived(before: Contact, after: Contact) -> Event:
    """A contact was put away."""
    return _contact("archived", before, after)


def contact_restored(before: Contact, after: Contact) -> Event:
    """A contact is back."""
    return _contact("restored", before, after)


def _contact(verb: str, before: Contact | None, after: Contact) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"customer.contact_{verb}",
        data={
            "account_id": after.account_id,
            "lifecycle_stage": after.lifecycle_stage,
            "source": after.source,
            "changed": sorted(changes),
        },
        changes=changes,
        personal=_PERSONAL.union(name for name in changes if name[:7] == "custom."),
        subject_id=after.id,
    )


def interaction_recorded(interaction: Interaction) -> Event:
    """Something happened with a customer."""
    return _interaction("recorded", None, interaction)


def interaction_updated(before: Interaction, after: Interaction) -> Event:
    """What is on record of it has other values."""
    return _interaction("updated", before, after)


def interaction_archived(before: Interaction, after: Interaction) -> Event:
    """An interaction was put away."""
    return _interaction("archived", before, after)


def interaction_restored(before: Interaction, after: Interaction) -> Event:
    """An interaction is back."""
    return _interaction("restored", before, after)


def _interaction(
    verb: str, before: Interaction | None, interaction: Interaction
) -> Event:
    changes = changes_between(before, interaction)
    amount = interaction.amount
    return Event(
        name=f"customer.interaction_{verb}",
        data={
            "type": interaction.type,
            "contact_id": interaction.contact_id,
            "account_id": interaction.account_id,
            "occurred_on": interaction.occurred_at.date().isoformat(),
            "amount": None if amount is None else f"{amount.amount:f}",
            "currency": None if amount is None else amount.currency,
            "mentions": list(interaction.mentions),
            "changed": sorted(changes),
        },
        changes=changes,
        personal=_ABOUT_A_PERSON,
        subject_id=interaction.contact_id,
    )


def custom_field_created(field: CustomField) -> Event:
    """An organization has a new field of its own."""
    return _custom_field("created", None, field)


def custom_field_updated(before: CustomField, after: CustomField) -> Event:
    """A custom field has other terms, or lists find by it now."""
    return _custom_field("updated", before, after)


def custom_field_archived(before: CustomField, after: CustomField) -> Event:
    """A custom field was put away, and its values are not shown any more."""
    return _custom_field("archived", before, after)


def custom_field_restored(before: CustomField, after: CustomField) -> Event:
    """A custom field is back, and its values with it."""
    return _custom_field("restored", before, after)


def _custom_field(verb: str, before: CustomField | None, after: CustomField) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"customer.custom_field_{verb}",
        data={
            "resource": after.resource,
            "key": after.key,
            "type": after.type,
            "changed": sorted(changes),
        },
        changes=changes,
    )


def segment_created(segment: Segment) -> Event:
    """There is a new segment."""
    return _segment("created", None, segment)


def segment_updated(before: Segment, after: Segment) -> Event:
    """A segment has other values."""
    return _segment("updated", before, after)


def segment_archived(before: Segment, after: Segment) -> Event:
    """A segment was put away."""
    return _segment("archived", before, after)


def segment_restored(before: Segment, after: Segment) -> Event:
    """A segment is back."""
    return _segment("restored", before, after)


def segment_built(before: Segment, after: Segment) -> Event:
    """A segment has the members of its definition, so many."""
    return _segment("built", before, after, size=after.size)


def _segment(
    verb: str, before: Segment | None, after: Segment, **facts: int | None
) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"customer.segment_{verb}",
        data={
            "resource": after.resource,
            "kind": after.kind,
            **facts,
            "changed": sorted(changes),
        },
        changes=changes,
    )


def segment_entered(moved: Membership) -> Event:
    """A record has come into a segment."""
    return _membership("entered", moved)


def segment_left(moved: Membership) -> Event:
    """A record has gone out of a segment."""
    return _membership("left", moved)


def _membership(verb: str, membership: Membership) -> Event:
    segment = membership.segment
    return Event(
        name=f"customer.segment_{verb}",
        data={
            "segment_id": segment.id,
            "kind": segment.kind,
            "resource": segment.resource,
            "record_id": membership.record_id,
        },
    )
