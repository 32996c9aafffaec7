"""What roles can restrict is what the owners show, take and tell."""

from datetime import UTC, datetime

import pytest

import svc_customer.events
import svc_sales.events
from svc_auth.domain.field_rights import HIDEABLE, READABLE
from svc_auth.domain.roles import OWNED
from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import new_contact
from svc_customer.domain.interactions import new_interaction
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.interactions import InteractionRepository
from svc_customer.schemas.accounts import AccountView, CreateAccountInput
from svc_customer.schemas.contacts import ContactView, CreateContactInput
from svc_customer.schemas.interactions import CreateInteractionInput, InteractionView
from svc_sales.domain.leads import Conversion, new_lead
from svc_sales.domain.opportunities import opportunity_of
from svc_sales.repository.leads import LeadRepository
from svc_sales.repository.opportunities import OpportunityRepository
from svc_sales.schemas.leads import CreateLeadInput, LeadView, OpportunityDetails
from svc_sales.schemas.opportunities import OpportunityView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHERE = "say in svc_auth/domain/field_rights.py whether roles can restrict {}"
# Nobody writes these, and nothing can be done with a record without them.
FREE = {"id", "version", "created_at", "updated_at", "archived_at"}
# Events tell what these follow from, and nobody writes them.
FREE_OF = {
    "accounts": {"lifecycle_history", "lifecycle_stage_changed_at"},
    "contacts": {"lifecycle_history", "lifecycle_stage_changed_at"},
    "leads": {"account_id", "contact_id", "opportunity_id"},
    "opportunities": {
        *("status", "account_id", "contact_id", "lead_id", "source"),
        *("owner_id", "team_ids"),
    },
}
# What events tell of these is not the field itself.
TOLD_AS = {"occurred_on": "occurred_at", "currency": "amount"}


def of(repository, view, new, event):
    return {"list": repository.fields, "view": view(), "new": new(), "event": event}


_LEAD = new_lead("1", {"last_name": "King"}, None, NOW)
_CONVERSION = Conversion(
    account_id="1",
    contact_id="2",
    opportunity_id="3",
    is_new_account=True,
    is_new_contact=True,
    opportunity_name="x",
    amount=None,
    close_on=None,
)
OWNERS = {
    "accounts": of(
        AccountRepository,
        AccountView,
        CreateAccountInput,
        svc_customer.events.account_created(new_account("1", {"name": "x"}, None, NOW)),
    ),
    "contacts": of(
        ContactRepository,
        ContactView,
        CreateContactInput,
        svc_customer.events.contact_created(new_contact("1", {}, None, NOW)),
    ),
    "interactions": of(
        InteractionRepository,
        InteractionView,
        CreateInteractionInput,
        svc_customer.events.interaction_recorded(
            new_interaction("1", {"type": "call"}, None, NOW)
        ),
    ),
    "leads": of(
        LeadRepository,
        LeadView,
        CreateLeadInput,
        svc_sales.events.lead_created(_LEAD),
    ),
    "opportunities": of(
        OpportunityRepository,
        OpportunityView,
        OpportunityDetails,
        svc_sales.events.opportunity_created(opportunity_of(_LEAD, _CONVERSION, NOW)),
    ),
}


def names(fields):
    """Every name of these fields."""
    return {*fields, *(other for others in fields.values() for other in others)}


def free(resource):
    return FREE | FREE_OF.get(resource, set())


def test_every_resource_that_is_somebodys_has_its_fields():
    assert OWNERS.keys() == HIDEABLE.keys() == READABLE.keys() == OWNED


@pytest.mark.parametrize("resource", OWNERS)
class TestFields:
    def test_are_all_decided_on(self, resource):
        known = names(HIDEABLE[resource]) | names(READABLE[resource]) | free(resource)
        owner = OWNERS[resource]
        named = {*owner["list"], *owner["view"].fields, *owner["new"].fields}

        assert named - known == set(), WHERE.format(f"these of {resource}")
        assert known - named == set(), f"{resource} has no such fields"

    def test_that_are_taken_can_be_restricted(self, resource):
        written = OWNERS[resource]["new"].fields.keys()

        assert written.isdisjoint(free(resource))

    def test_that_events_tell_cannot_be_hidden(self, resource):
        data = OWNERS[resource]["event"].data.keys()
        told = {TOLD_AS.get(name, name) for name in data}

        assert told.isdisjoint(names(HIDEABLE[resource]))

    def test_are_of_one_kind(self, resource):
        kinds = [names(HIDEABLE[resource]), names(READABLE[resource]), free(resource)]

        assert sum(map(len, kinds)) == len(set().union(*kinds))
