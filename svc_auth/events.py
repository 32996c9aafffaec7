"""The events of svc_auth."""

from typing import Final

from chassis.events import Event, changes_between
from svc_auth.domain.acts import Act
from svc_auth.domain.challenges import Challenge
from svc_auth.domain.invitations import Invitation
from svc_auth.domain.oauth import OAuthClient
from svc_auth.domain.orgs import Org
from svc_auth.domain.people import Membership
from svc_auth.domain.roles import Role
from svc_auth.domain.sessions import Session
from svc_auth.domain.signing_keys import SigningKey
from svc_auth.domain.teams import Team

__all__ = [
    "challenge_issued",
    "client_refused",
    "email_changed",
    "email_verified",
    "invitation_archived",
    "invitation_created",
    "invitation_updated",
    "login_failed",
    "member_joined",
    "member_left",
    "member_updated",
    "oauth_client_archived",
    "oauth_client_created",
    "oauth_client_updated",
    "org_registered",
    "org_updated",
    "password_changed",
    "recovery_codes_replaced",
    "role_archived",
    "role_created",
    "role_restored",
    "role_updated",
    "second_factor_added",
    "second_factor_removed",
    "session_revoked",
    "session_started",
    "signing_key_added",
    "signing_key_retired",
    "team_archived",
    "team_created",
    "team_restored",
    "team_updated",
]

_PERSONAL: Final = frozenset({"name", "email"})


def challenge_issued(challenge: Challenge) -> Event:
    """A link is to be sent; where to, and which, is asked for when it is."""
    return Event(name="auth.challenge_issued", data={"kind": challenge.kind})


def login_failed(act: Act) -> Event:
    """Somebody has not proved that they are whom they said."""
    return _act("login_failed", person_id=act.owner_id, reason=act.reason)


def client_refused(act: Act) -> Event:
    """An application came with a wrong secret."""
    return _act("client_refused", client_id=act.client_id)


def password_changed(act: Act) -> Event:
    """Somebody has another password."""
    return _act("password_changed", person_id=act.owner_id, reason=act.reason)


def email_verified(act: Act) -> Event:
    """Somebody has shown that their address is theirs."""
    return _act("email_verified", person_id=act.owner_id)


def email_changed(act: Act) -> Event:
    """Somebody logs in with another address."""
    return _act("email_changed", person_id=act.owner_id)


def second_factor_added(act: Act) -> Event:
    """Somebody is asked for a second factor from now on."""
    return _act("second_factor_added", person_id=act.owner_id)


def second_factor_removed(act: Act) -> Event:
    """Somebody is asked for no second factor any more."""
    return _act("second_factor_removed", person_id=act.owner_id)


def recovery_codes_replaced(act: Act) -> Event:
    """Somebody has other recovery codes."""
    return _act("recovery_codes_replaced", person_id=act.owner_id)


def _act(name: str, **facts: str | None) -> Event:
    return Event(name=f"auth.{name}", data=facts)


def invitation_created(invitation: Invitation) -> Event:
    """Somebody is asked to become a member."""
    return _invitation("created", None, invitation)


def invitation_updated(before: Invitation, after: Invitation) -> Event:
    """An invitation was sent again, or accepted."""
    return _invitation("updated", before, after)


def invitation_archived(before: Invitation, after: Invitation) -> Event:
    """An invitation was taken back."""
    return _invitation("archived", before, after)


def _invitation(verb: str, before: Invitation | None, after: Invitation) -> Event:
    changes = changes_between(before, after)
    return Event(
        name=f"auth.invitation_{verb}",
        data={"roles": list(after.roles), "changed": sorted(changes)},
        changes=changes,
        personal=_PERSONAL,
        subject_id=after.id,
    )


def org_registered(org: Org) -> Event:
    """An organization exists and has an owner."""
    return Event(
        name="auth.org_registered",
        data={"owner_id": org.owner_id},
        changes=changes_between(None, org),
    )


def org_updated(before: Org, after: Org) -> Event:
    """An organization is called otherwise, reckons otherwise, or is another's."""
    changes = changes_between(before, after)
    return Event(
        name="auth.org_updated", data={"changed": sorted(changes)}, changes=changes
    )


def member_joined(membership: Membership) -> Event:
    """Somebody is a member, for the first time or again."""
    return _member("joined", None, membership)


def member_updated(before: Membership, after: Membership) -> Event:
    """A member has other roles or teams, or is called otherwise."""
    return _member("updated", before, after)


def member_left(before: Membership, after: Membership) -> Event:
    """Somebody is no member any more."""
    return _member("left", before, after)


def _member(verb: str, before: Membership | None, after: Membership) -> Event:
    return Event(
        name=f"auth.member_{verb}",
        data={
            "person_id": after.person_id,
            "roles": list(after.roles),
            "team_ids": list(after.team_ids),
        },
        changes=changes_between(before, after),
        personal=_PERSONAL,
        subject_id=after.id,
    )


def role_created(role: Role) -> Event:
    """There is another role."""
    return _role("created", None, role)


def role_updated(before: Role, after: Role) -> Event:
    """A role grants something else, or is called so."""
    return _role("updated", before, after)


def role_archived(before: Role, after: Role) -> Event:
    """A role grants nothing any more."""
    return _role("archived", before, after)


def role_restored(before: Role, after: Role) -> Event:
    """A role grants again what it did."""
    return _role("restored", before, after)


def _role(verb: str, before: Role | None, after: Role) -> Event:
    changes = changes_between(before, after)
    data = {"key": after.key, "changed": sorted(changes)}
    return Event(name=f"auth.role_{verb}", data=data, changes=changes)


def team_created(team: Team) -> Event:
    """There is another team."""
    return _team("created", None, team)


def team_updated(before: Team, after: Team) -> Event:
    """A team has another place or lead, or is called otherwise."""
    return _team("updated", before, after)


def team_archived(before: Team, after: Team) -> Event:
    """Nobody sees anything by a team any more."""
    return _team("archived", before, after)


def team_restored(before: Team, after: Team) -> Event:
    """A team shows again what it did."""
    return _team("restored", before, after)


def _team(verb: str, before: Team | None, after: Team) -> Event:
    changes = changes_between(before, after)
    data = {
        "parent_id": after.parent_id,
        "lead_id": after.lead_id,
        "changed": sorted(changes),
    }
    return Event(name=f"auth.team_{verb}", data=data, changes=changes)


def oauth_client_created(client: OAuthClient) -> Event:
    """An application is registered."""
    return _oauth_client("created", None, client)


def oauth_client_updated(before: OAuthClient, after: OAuthClient) -> Event:
    """An application may do something else, or has another secret."""
    return _oauth_client("updated", before, after)


def oauth_client_archived(before: OAuthClient, after: OAuthClient) -> Event:
    """An application is let in no more."""
    return _oauth_client("archived", before, after)


def _oauth_client(verb: str, before: OAuthClient | None, after: OAuthClient) -> Event:
    changes = dict(changes_between(before, after))
    # Not even the hash of a secret is told around.
    is_rotated = changes.pop("secret_hash", None) is not None
    changed = sorted(changes) + (["client_secret"] if is_rotated else [])
    return Event(
        name=f"auth.oauth_client_{verb}", data={"changed": changed}, changes=changes
    )


def session_started(session: Session) -> Event:
    """Somebody has logged in, or something is let in from now on."""
    return Event(
        name="auth.session_started",
        data={
            "person_id": _person_of(session),
            "kind": session.kind,
            "client_id": session.client_id,
            "scope": None if session.scope is None else list(session.scope),
        },
    )


def session_revoked(before: Session, after: Session) -> Event:
    """None of a session's tokens is good any more."""
    return Event(
        name="auth.session_revoked",
        data={
            "owner_id": after.owner_id,
            "person_id": _person_of(after),
            "reason": after.revoked_because,
        },
        changes=changes_between(before, after),
    )


def _person_of(session: Session) -> str | None:
    # An application that acts for itself is no person.
    return None if session.kind == "client" else session.owner_id


def signing_key_added(key: SigningKey) -> Event:
    """There is another key, which signs access tokens soon."""
    return Event(name="auth.signing_key_added", data={"key_id": key.key_id})


def signing_key_retired(key: SigningKey) -> Event:
    """No token that this key signed is good any more."""
    return Event(name="auth.signing_key_retired", data={"key_id": key.key_id})
