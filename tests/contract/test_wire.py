"""What goes over the wire is plain JSON, and says nothing personal in events."""

import dataclasses
import importlib
import inspect
import json
import re
import types
import typing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from marshmallow import Schema
from marshmallow.fields import Boolean
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR

import svc_auth.events
import svc_customer.events
import svc_sales.events
from chassis.context import Context
from chassis.events import envelope
from chassis.handling import EventHandler
from chassis.ids import new_id
from chassis.money import Money
from chassis.roles import service_class
from chassis.schemas import Flag, Input
from stack.principals import SERVICES
from svc_analytics.domain import EVENTS
from svc_auth.domain.acts import Act
from svc_auth.domain.challenges import Challenge
from svc_auth.domain.invitations import new_invitation
from svc_auth.domain.oauth import new_oauth_client
from svc_auth.domain.orgs import Org
from svc_auth.domain.people import Person, new_membership
from svc_auth.domain.roles import BUILT_IN_ROLES, Role
from svc_auth.domain.sessions import Session
from svc_auth.domain.signing_keys import SigningKey
from svc_auth.domain.teams import Team
from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import EmailAddress, PhoneNumber, new_contact
from svc_customer.domain.custom_fields import CustomField
from svc_customer.domain.interactions import Attachment, new_interaction
from svc_customer.domain.memberships import Membership
from svc_customer.domain.records import Address
from svc_customer.domain.segments import new_segment
from svc_notify.domain import Delivery, DeliveryStatus
from svc_sales.domain.leads import Conversion, LeadStatus, new_lead
from svc_sales.domain.opportunities import opportunity_of

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 31, 9, 30, 0, 123_000, tzinfo=UTC)
ID, OWNER = new_id(), new_id()
# Whatever could tell who somebody is; some of it hides in free text.
NAME = "Lovelace"
EMAIL, PHONE = f"{NAME}@example.test", f"+44 {NAME}"
MONEY = Money(Decimal("1234.50"), "EUR")
ADDRESS = Address(street=NAME, city=NAME, country="GB")

ORG = Org(
    id=ID,
    name=NAME,
    currency="USD",
    time_zone="UTC",
    first_weekday=1,
    owner_id=OWNER,
    created_at=NOW,
    updated_at=NOW,
)
APPLICATION = {"client_id": ID, "scope": "openid"}
PERMISSION = {
    "permission": "leads:read",
    "description": "May see leads.",
    "reaches": ["none", "own"],
}
RESTRICTABLE = {
    "resource": "contacts",
    "field": "emails",
    "rights": ["none", "read", "write"],
}
PERSONAL_TOKEN = {"id": ID, "name": NAME, "scope": ["leads:read"], "expires_at": NOW}
ROLE = Role(
    id=ID,
    key="helper",
    name=NAME,
    description=NAME,
    grants={"leads": {"read": "own"}},
    fields={"leads": {"email": "none"}},
    created_at=NOW,
    updated_at=NOW,
)
TEAM = Team(
    id=ID,
    name=NAME,
    description=NAME,
    parent_id=ID,
    lead_id=ID,
    created_at=NOW,
    updated_at=NOW,
)
SESSION = Session(
    id=ID,
    owner_id=OWNER,
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
    revoked_at=NOW,
    revoked_because="logout",
)
SESSION_ROW = {
    "id": ID,
    "kind": "login",
    "address": "192.0.2.1",
    "created_at": NOW,
    "expires_at": NOW,
    "is_current": True,
}
SIGNING_KEY = SigningKey(
    id=ID,
    key_id=ID,
    public={"kty": "EC"},
    private=NAME.encode(),
    signs_from=NOW,
    created_at=NOW,
    updated_at=NOW,
)
OAUTH_CLIENT = new_oauth_client(
    ID,
    {
        "name": "Mail merge",
        "redirect_uris": (f"https://{NAME}.example/",),
        "grant_types": ("authorization_code",),
        "scope": ("openid",),
        "token_endpoint_auth_method": "client_secret_basic",
        "secret_hash": NAME,
    },
    OWNER,
    NOW,
)
PERSON = Person(id=OWNER, name=NAME, email=EMAIL, password_hash=NAME, created_at=NOW)
MEMBERSHIP = new_membership(ID, PERSON, ID, ["owner"], NOW)
ACCOUNT = new_account(
    ID,
    {
        "name": NAME,
        "domain": EMAIL,
        "phone": PHONE,
        "employee_count": 3,
        "billing_address": ADDRESS,
        "tags": (NAME,),
        "external_ids": {"erp": NAME},
        "archived_at": NOW,
    },
    OWNER,
    NOW,
)
CONTACT = new_contact(
    ID,
    {
        "first_name": NAME,
        "last_name": NAME,
        "emails": (EmailAddress(address=EMAIL, is_primary=True),),
        "phones": (PhoneNumber(number=PHONE, is_primary=True),),
        "job_title": NAME,
        "addresses": (ADDRESS,),
        "account_id": ID,
        "tags": (NAME,),
    },
    OWNER,
    NOW,
)
INTERACTION = new_interaction(
    ID,
    {
        "type": "purchase",
        "contact_id": ID,
        "subject": NAME,
        "body": NAME,
        "amount": MONEY,
        "metadata": {"said": NAME, "times": 2},
        "attachments": (
            Attachment(name=NAME, content_type="text/plain", size_bytes=1),
        ),
        "mentions": (OWNER,),
    },
    OWNER,
    NOW,
)
SEGMENT = new_segment(
    ID,
    {
        "resource": "contacts",
        "kind": "dynamic",
        "name": NAME,
        "description": NAME,
        "definition": {"field": "last_name", "op": "eq", "value": NAME},
    },
    OWNER,
    NOW,
)
SEGMENT_SIZE = {"day": "2026-01-31", "size": 2, "lowest": 1, "highest": 3}
CONVERSION = Conversion(
    account_id=ID,
    contact_id=ID,
    opportunity_id=ID,
    is_new_account=True,
    is_new_contact=True,
    opportunity_name=NAME,
    amount=MONEY,
    close_on=date(2026, 3, 1),
)
LEAD = replace(
    new_lead(
        ID,
        {
            "first_name": NAME,
            "last_name": NAME,
            "company": NAME,
            "email": EMAIL,
            "phone": PHONE,
            "description": NAME,
            "source": "web",
            "rating": "hot",
        },
        OWNER,
        NOW,
    ),
    status=LeadStatus.CONVERTED,
    conversion=CONVERSION,
)
OPPORTUNITY = opportunity_of(LEAD, CONVERSION, NOW)
DELIVERY = Delivery(
    id=ID,
    channel="email",
    template="welcome",
    recipient=EMAIL,
    recipient_id=OWNER,
    event_id=ID,
    status=DeliveryStatus.SENT,
    sent_at=NOW,
    created_at=NOW,
    updated_at=NOW,
)
CHALLENGE = Challenge(
    id=ID,
    kind="password_reset",
    email=EMAIL,
    person_id=OWNER,
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
)
INVITATION = new_invitation(
    ID, email=EMAIL, name=NAME, roles=["analyst"], owner_id=OWNER, now=NOW
)
ACT = Act(
    id=ID,
    owner_id=OWNER,
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
    client_id=ID,
    reason="password",
)
CUSTOM_FIELD = CustomField(
    id=ID,
    resource="contacts",
    key="color",
    label=NAME,
    type="select",
    options=("red",),
    default="red",
    created_at=NOW,
    updated_at=NOW,
)
RECORDS = {
    "invitation": INVITATION,
    "challenge": CHALLENGE,
    "oauth_client": OAUTH_CLIENT,
    "account": ACCOUNT,
    "contact": CONTACT,
    "custom_field": CUSTOM_FIELD,
    "interaction": INTERACTION,
    "lead": LEAD,
    "member": MEMBERSHIP,
    "opportunity": OPPORTUNITY,
    "org": ORG,
    "role": ROLE,
    "segment": SEGMENT,
    "session": SESSION,
    "signing_key": SIGNING_KEY,
    "team": TEAM,
}
FEED_ROW = {
    "_id": ID,
    "position": 1,
    "event": "sales.lead_created",
    "version": 1,
    "aggregate": {"type": "lead", "id": ID},
    "sequence": 1,
    "operation_id": ID,
    "occurred_at": "2026-01-31T09:30:00.123Z",
    "actor": {"type": "operator", "id": "operator"},
    "request_id": "r",
    "data": {"status": "new"},
}
ACCESS = {
    "permission": "contacts:read",
    "is_allowed": True,
    "reach": "all",
    "because": "reaches_all",
    "team_ids": [ID],
    "granted_by": [{"role": "manager", "reach": "all"}],
}
TAG = {"name": "vip", "count": 3, "count_capped": False}
SERVICE_KEY = {"id": ID, "name": NAME, "hint": "rsvc_abcd", "expires_at": NOW}
BULK_UPDATE = {
    "id": ID,
    "kind": "update",
    "status": "running",
    "operation_id": ID,
    "undoes": None,
    "resource": "contacts",
    "filter": {"source": "fair"},
    "changes": {"source": "web"},
    "counts": {
        "matched": 2,
        "updated": 1,
        "unchanged": 0,
        "failed": 1,
        "conflicts": 0,
    },
    "progress": 0.5,
    "error": {"code": "job_failed", "message": NAME},
    "created_by": {"type": "person", "id": OWNER},
    "created_at": NOW,
    "started_at": NOW,
    "finished_at": None,
}
VIEWED = {
    "BulkUpdateView": BULK_UPDATE,
    "BulkUpdateCountsView": BULK_UPDATE["counts"],
    "FailureView": BULK_UPDATE["error"],
    "BulkUpdateActorView": BULK_UPDATE["created_by"],
    "BulkUpdateConflictView": {
        "record_id": ID,
        "resource": "contacts",
        "outcome": "conflict",
        "code": "changed_since",
        "message": NAME,
        "conflicts": {"source": {"original": "a", "changed_to": "b", "current": None}},
    },
    "AuditEntryView": {
        "id": ID,
        "occurred_at": "2026-01-31T09:30:00.123Z",
        "action": "auth.login_failed",
        "actor": {"type": "anonymous", "id": "anonymous"},
        "target": {"type": "user", "id": OWNER},
        "person_id": OWNER,
        "data": {"person_id": OWNER, "reason": "password"},
        "changes": {},
        "seal": None,
    },
    "ExplanationView": {
        "resource": "contacts",
        "id": ID,
        "owner_id": OWNER,
        "team_ids": [],
        "principals": [{"id": OWNER, "name": NAME, "read": ACCESS, "write": None}],
        "is_complete": True,
    },
    "_MemberView": {"id": OWNER, "name": NAME, "read": ACCESS, "write": None},
    "_AccessView": ACCESS,
    "_GrantView": {"role": "manager", "reach": "all"},
    "ProgramTokenView": SERVICE_KEY,
    "ServiceKeyView": SERVICE_KEY,
    "NewServiceKeyView": {**SERVICE_KEY, "token": "rsvc_x"},
    "_PartyView": {"type": "user", "id": OWNER},
    "ActivityView": {
        "totals": {"sales.lead_created": 1},
        "interactions": {"purchase": 1},
        "series": [{"date": "2026-01-31", "event": "sales.lead_created", "count": 1}],
        "computed_at": NOW,
        "lag_ms": 3,
    },
    "AccountView": ACCOUNT,
    "SegmentMemberView": CONTACT,
    "SegmentMovesView": {"changed": 1, "unchanged": 0},
    "SegmentPreviewView": {
        "count": 1,
        "count_capped": False,
        "sample": [],
        "computed_at": "2026-01-31T09:30:00.123Z",
    },
    "SegmentSizeView": SEGMENT_SIZE,
    "SegmentView": SEGMENT,
    "AddressView": ADDRESS,
    "AttachmentView": INTERACTION.attachments[0],
    "ContactAccountView": CONTACT.accounts[0],
    "ContactView": CONTACT,
    "HierarchyView": {
        "ancestors": [ACCOUNT],
        "account": ACCOUNT,
        "children": [],
        "has_more_children": False,
    },
    "StageView": ACCOUNT.lifecycle_history[0],
    "TagView": TAG,
    "ConversionView": CONVERSION,
    "DeliveryView": DELIVERY,
    "EventView": FEED_ROW,
    "EventsPageView": {
        "data": [FEED_ROW],
        "page": {"position": 1, "has_more": False},
    },
    "EmailView": CONTACT.emails[0],
    "InteractionView": INTERACTION,
    "LeadView": LEAD,
    "JwksView": {"keys": [{"kty": "EC"}]},
    "MeView": PERSON,
    "MoneyView": MONEY,
    "OpportunityView": OPPORTUNITY,
    "DeviceAuthorizationView": {"device_code": "d", "expires_in": 600},
    "IntrospectionView": {"active": True, **APPLICATION, "exp": 1},
    "OAuthClientView": OAUTH_CLIENT,
    "OAuthTokensView": {"access_token": "a", "expires_in": 900, "scope": "openid"},
    "ProviderView": {"issuer": "https://rapport.example"},
    "RegisteredClientView": {**APPLICATION, "client_id_issued_at": 1},
    "UserInfoView": {"sub": ID, "name": NAME},
    "NewOAuthClientView": {
        **dataclasses.asdict(OAUTH_CLIENT),
        "client_id": ID,
        "client_secret": None,
    },
    "OrgView": ORG,
    "PersonView": PERSON,
    "PhoneView": CONTACT.phones[0],
    "RecordView": ACCOUNT,
    "RoleView": ROLE,
    "CustomFieldView": CUSTOM_FIELD,
    "PermissionsView": {
        "permissions": [PERMISSION],
        "restrictable_fields": [RESTRICTABLE],
        "built_in_roles": BUILT_IN_ROLES.values(),
    },
    "_BuiltInRoleView": BUILT_IN_ROLES["owner"],
    "_PermissionView": PERMISSION,
    "_RestrictableView": RESTRICTABLE,
    "PersonalTokenView": PERSONAL_TOKEN,
    "NewPersonalTokenView": {**PERSONAL_TOKEN, "token": "rpat_x"},
    "MyOrgView": {"id": ID, "name": NAME, "roles": ["owner"]},
    "UserView": MEMBERSHIP,
    "_MyOrgView": {"id": ID, "name": NAME, "roles": ["owner"]},
    "AcceptedInvitationView": {"org_id": ID, "org_name": NAME, "email": EMAIL},
    "InvitationPreviewView": {"org_name": NAME, "email": EMAIL, "needs_password": True},
    "InvitationView": {**dataclasses.asdict(INVITATION), "status": "pending"},
    "RecoveryCodesView": {"recovery_codes": ["A"]},
    "SecondFactorView": {"is_on": True, "confirmed_at": NOW},
    "TotpView": {"secret": "A", "uri": "otpauth://totp/x"},
    "SessionView": SESSION_ROW,
    "TeamView": TEAM,
    "SigningKeyView": {"key_id": ID, "state": "signs", "signs_from": NOW},
    "TokensView": {"access_token": "a", "expires_in": 900, "refresh_token": "r"},
}


def builders():
    for module in (svc_auth.events, svc_customer.events, svc_sales.events):
        for name in module.__all__:
            yield pytest.param(getattr(module, name), id=name)


BUILDERS = list(builders())


def built(builder):
    """The event that ``builder`` makes of the sample of its noun."""
    parameters = inspect.signature(builder).parameters
    if "act" in parameters:
        return builder(ACT)
    if "moved" in parameters:
        return builder(Membership(SEGMENT, ID))
    record = RECORDS[builder.__name__.rpartition("_")[0]]
    if len(parameters) == 1:
        return builder(record)
    return builder(replace(record, updated_at=NOW + timedelta(days=1)), record)


def schemas():
    """Every schema of the services, by whatever name a module knows it."""
    for path in ROOT.glob("svc_*/schemas*"):
        modules = [path] if path.is_file() else path.glob("[a-z]*.py")
        for each in modules:
            name = ".".join(each.relative_to(ROOT).with_suffix("").parts)
            yield from (
                value
                for value in vars(importlib.import_module(name)).values()
                if inspect.isclass(value) and issubclass(value, Schema)
            )


def views():
    found = {each for each in schemas() if each.__name__.endswith("View")}
    return sorted(found, key=lambda view: view.__name__)


VIEWS_OF_RECORDS = [
    pytest.param(view, type(VIEWED[view.__name__]), id=view.__name__)
    for view in views()
    if dataclasses.is_dataclass(VIEWED.get(view.__name__))
]


def optional(kind, name):
    """Whether the attribute can be None; None where the class has none of it."""
    hints = typing.get_type_hints(kind)
    if name in hints:
        hint = hints[name]
    elif isinstance(getattr(kind, name, None), property):
        hint = typing.get_type_hints(getattr(kind, name).fget)["return"]
    else:
        return None
    return types.NoneType in typing.get_args(hint)


def heard():
    """Every event that a handler of single events listens to."""
    for service in SERVICES:
        handlers = service_class(f"svc_{service}", "events")
        for _, method in inspect.getmembers(handlers, inspect.isfunction):
            for entrypoint in getattr(method, ENTRYPOINT_EXTENSIONS_ATTR, ()):
                if isinstance(entrypoint, EventHandler):
                    yield f"{entrypoint.source}.{entrypoint.event}"


class TestInputs:
    def test_take_flags_as_json_has_them(self):
        lenient = {
            f"{schema.__name__}.{name}"
            for schema in schemas()
            if issubclass(schema, Input) and not schema.__name__.endswith("Query")
            for name, field in schema().fields.items()
            if isinstance(field, Boolean) and not isinstance(field, Flag)
        }

        assert lenient == set()


class TestEvents:
    @pytest.mark.parametrize("builder", BUILDERS)
    def test_are_plain_json(self, builder):
        context = Context(
            caller=None,
            org_id=ID,
            actor={"type": "person", "id": OWNER},
            operation_id=new_id(),
            request_id="r",
            traceparent="",
            deadline=0,
        )
        event = built(builder)
        aggregate = {"type": "thing", "id": ID}
        visibility = {"owner_id": OWNER, "acl": [OWNER]}

        made = envelope(event, aggregate, 1, visibility, context)

        assert json.loads(json.dumps(made)) == made
        assert json.loads(json.dumps(event.changes)) == event.changes

    @pytest.mark.parametrize("builder", BUILDERS)
    def test_publish_nothing_personal(self, builder):
        assert NAME not in json.dumps(dict(built(builder).data))

    @pytest.mark.parametrize("builder", BUILDERS)
    def test_are_named_after_their_builder(self, builder):
        service = builder.__module__.split(".")[0].removeprefix("svc_")

        assert built(builder).name == f"{service}.{builder.__name__}"

    @pytest.mark.parametrize("builder", BUILDERS)
    def test_are_documented_with_their_data(self, builder):
        event = built(builder)
        text = (ROOT / "docs/events.md").read_text()
        (data,) = re.findall(
            rf"^\| `{event.name}` \| \w+ \| `(.*?)`", text, re.MULTILINE
        )

        assert data.split(", ") == list(event.data)
        assert event.version == 1

    def test_are_known_to_whoever_counts_them(self):
        assert {built(each.values[0]).name for each in BUILDERS} == EVENTS, (
            "EVENTS of svc_analytics/domain.py has the name of every event"
        )

    def test_that_are_heard_are_said(self):
        said = {built(each.values[0]).name for each in BUILDERS}

        assert set(heard()) <= said


class TestViews:
    @pytest.mark.parametrize("view", views(), ids=lambda view: view.__name__)
    def test_are_plain_json(self, view):
        made = view().dump(VIEWED[view.__name__])

        assert made
        assert json.loads(json.dumps(made)) == made

    @pytest.mark.parametrize("view", views(), ids=lambda view: view.__name__)
    def test_show_no_secret(self, view):
        assert not {"password", "password_hash"} & set(view().fields)

    @pytest.mark.parametrize(("view", "kind"), VIEWS_OF_RECORDS)
    def test_say_what_can_be_null(self, view, kind):
        said = {}
        for name, field in view().fields.items():
            can_be = optional(kind, field.attribute or name)
            if can_be is not None:
                said[name] = field.allow_none, can_be

        assert said
        assert {name for name, (says, is_so) in said.items() if says != is_so} == set()
