"""RPCs of invitations."""

from dataclasses import asdict, replace
from typing import Any

from chassis import inject
from chassis.errors import ConflictError, InvalidInputError, invalid_field
from chassis.idempotency import idempotent
from chassis.ids import derive_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.challenges import Challenge, link_invalid
from svc_auth.domain.invitations import Invitation, new_invitation
from svc_auth.domain.orgs import Org
from svc_auth.domain.people import (
    Membership,
    Person,
    check_owner_stays,
    new_membership,
)
from svc_auth.domain.rights import beyond_rights
from svc_auth.repository.invitations import InvitationRepository
from svc_auth.repository.people import MOST_ORGS
from svc_auth.schemas.invitations import (
    AcceptedInvitationView,
    AcceptInvitationInput,
    CreateInvitationInput,
    InvitationPreviewView,
    InvitationView,
    PreviewInvitationInput,
)
from svc_auth.service.challenges import ChallengeMethods
from svc_auth.service.users import UserMethods

__all__ = ["InvitationMethods"]


class InvitationMethods(ChallengeMethods, UserMethods):
    """What can be done with invitations."""

    invitations: InvitationRepository = inject(Repositories(InvitationRepository))

    @rpc(needs="users:write")
    @idempotent
    def create_invitation(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Invite somebody by e-mail; the link is good for a week, once.

        Needs the ``users:write`` permission, and all that the roles grant.

        Args:
            payload: A ``CreateInvitationInput``.

        Returns:
            An ``InvitationView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``:
                there is no such role.
            ForbiddenError: ``grant_beyond_own`` or ``token_restricted``.
            ConflictError: ``already_member``, ``already_invited``,
                ``owner_is_fixed``, or ``too_many_invitations``: there are a
                thousand open ones.

        Emits:
            ``auth.invitation_created`` and ``auth.challenge_issued`` v1.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        data, now = load(CreateInvitationInput(), payload), self.context.now()
        check_owner_stays((), data["roles"])
        self.check_roles(data["roles"])
        self.check_held(self.rights_of(data["roles"]))
        invitation_id = self.operation.new_id("invitation")
        if (before := self.invitations.find(invitation_id)) is not None:
            return self._view(before)
        invitation = new_invitation(
            invitation_id,
            email=data["email"],
            name=data["name"],
            roles=data["roles"],
            owner_id=caller.principal_id,
            now=now,
        )

        def invite() -> None:
            self.orgs.lock("invitation")
            self._check_new(data["email"])
            self.invitations.add(invitation, events.invitation_created(invitation))
            self._send(invitation)

        self.transaction(invite)
        return self._view(invitation)

    @rpc
    def list_invitations(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of the organization's invitations.

        Needs the ``users:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [InvitationView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.context.identified_caller.require("users:read")
        return self.invitations.page(query, InvitationView().fields).view(self._view)

    @rpc
    def get_invitation(self, *, invitation_id: str) -> dict[str, Any]:
        """One invitation.

        Needs the ``users:read`` permission.

        Returns:
            An ``InvitationView``.

        Raises:
            NotFoundError: ``invitation_not_found``, also for one taken back.
        """
        self.context.identified_caller.require("users:read")
        return self._view(self.invitations.get(invitation_id))

    @rpc(needs="users:write")
    @idempotent
    def archive_invitation(
        self, *, invitation_id: str, expected_version: int | None = None
    ) -> None:
        """Take an invitation back: its link is good no more.

        Needs the ``users:write`` permission.

        Raises:
            NotFoundError: ``invitation_not_found``.
            ConflictError: ``invitation_is_over``: it was accepted.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.invitation_archived`` v1.
        """
        self.invitations.change(
            invitation_id,
            lambda invitation: invitation.archived(self.context.now()),
            events.invitation_archived,
            expected_version=expected_version,
        )

    @rpc(needs="users:write")
    @idempotent
    def resend_invitation(
        self, *, invitation_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Send an invitation once more; it is good for another week then.

        It is the caller's from then on: who invited before may have left. One
        message a minute and five an hour go to an address.

        Needs the ``users:write`` permission, and all that its roles grant.

        Returns:
            An ``InvitationView``.

        Raises:
            ForbiddenError: ``grant_beyond_own``.
            NotFoundError: ``invitation_not_found``.
            ConflictError: ``invitation_is_over``: accepted.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.invitation_updated`` and ``auth.challenge_issued`` v1.
        """
        caller = self.context.identified_caller

        def prolong(invitation: Invitation) -> Invitation:
            self.check_held(self.rights_of(invitation.roles))
            return invitation.prolonged(caller.principal_id, self.context.now())

        def resend() -> Invitation:
            found = self.invitations.change(
                invitation_id,
                prolong,
                events.invitation_updated,
                expected_version=expected_version,
            )
            self._send(found, is_limited=True)
            return found

        resent: Invitation = self.transaction(resend)
        return self.invitations.told(resent, self._view(resent))

    @rpc(public=True)
    def preview_invitation(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """What the holder of a link is invited to, and what it takes to accept.

        Args:
            payload: A ``PreviewInvitationInput``.

        Returns:
            An ``InvitationPreviewView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``link_invalid``.
        """
        token = load(PreviewInvitationInput(), payload)["token"]
        _, invitation, org, inviter = self._followed(token)
        person = self.people.find_by_email(invitation.email)
        view: dict[str, Any] = InvitationPreviewView().dump(
            {
                "org_name": org.name,
                "inviter_name": inviter.name,
                "email": invitation.email,
                "name": invitation.name,
                "needs_password": person is None or not person.email_verified,
            }
        )
        return view

    @rpc(public=True)
    def accept_invitation(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Become a member, with what the link in the message holds.

        Who is new chooses a password. So does who has never shown that the
        address is theirs: somebody else may have registered with it, and all
        sessions begun with the password before end, and its second factor is
        removed. It gives no tokens: one logs in afterwards, with the
        organization's id.

        Args:
            payload: An ``AcceptInvitationInput``.

        Returns:
            An ``AcceptedInvitationView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``password_too_common``,
                ``password_needed``, or ``link_invalid``: it was used or taken
                back, is too old, or who invited may not do so any more.
            ConflictError: ``already_member``, ``too_many_orgs``,
                ``email_taken`` (in this very moment) or
                ``credentials_changed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.invitation_updated`` and ``auth.member_joined`` v1;
            ``auth.session_revoked`` v1 for each session that ends, and perhaps
            ``auth.second_factor_removed`` v1.
        """
        data = load(AcceptInvitationInput(), payload)
        if done := self.spent_before(data["token"]):
            return self._accepted(done.invitation_org_id, done.email)
        challenge, invitation, org, _ = self._followed(data["token"])
        known = self.people.find_by_email(invitation.email)
        person = self._invited(invitation, known, data)
        self.context.actor = {"type": "person", "id": person.id}
        former = self.memberships.find_by_person(person.id)
        if former is not None and former.archived_at is None:
            raise ConflictError("already_member", "You are a member already.")
        if len(self.memberships_of.org_ids(person.id)) >= MOST_ORGS:
            raise ConflictError("too_many_orgs", "Nobody is a member of that many.")

        def join() -> None:
            self._spend(challenge)
            self.invitations.change(
                invitation.id,
                lambda each: each.accepted(person.id, self.context.now()),
                events.invitation_updated,
            )
            self._become(person, known)
            self._add_member(person, org.id, invitation, former)

        self.transaction(join)
        if known is not None:
            self.forget_places(known)
        return self._accepted(org.id, person.email)

    def _accepted(self, org_id: str | None, email: str) -> dict[str, Any]:
        self.context.org_id = org_id
        org = self.orgs.find(org_id or "")
        view: dict[str, Any] = AcceptedInvitationView().dump(
            {"org_id": org_id, "org_name": org and org.name, "email": email}
        )
        return view

    def _check_new(self, email: str) -> None:
        person = self.people.find_by_email(email)
        if person is not None and self.memberships.find_live(person.id) is not None:
            raise ConflictError("already_member", "They are a member already.")
        if self.invitations.has_open(email, self.context.now()):
            raise ConflictError("already_invited", "They are invited already.")
        if self.invitations.is_full(self.context.now()):
            raise ConflictError("too_many_invitations", "Take some back first.")

    def _send(self, invitation: Invitation, *, is_limited: bool = False) -> None:
        org_id = self.context.identified_caller.org_id
        self.issue_challenge(
            "invitation",
            invitation.email,
            invitation=(org_id, invitation.id),
            is_limited=is_limited,
        )

    def message_of(self, challenge: Challenge) -> dict[str, Any] | None:
        """An invitation's message, besides those of people themselves."""
        if challenge.kind != "invitation":
            return super().message_of(challenge)
        try:
            invitation, org, inviter = self._standing(challenge)
        except InvalidInputError:
            return None
        return {
            "recipient": invitation.email,
            "recipient_id": invitation.id,
            "name": invitation.name or invitation.email,
            "org": org.name,
            "inviter": inviter.name,
        }

    def _followed(self, token: str) -> tuple[Challenge, Invitation, Org, Membership]:
        challenge = self._opened(token, "invitation")
        return challenge, *self._standing(challenge)

    def _standing(self, challenge: Challenge) -> tuple[Invitation, Org, Membership]:
        """The invitation, if it still stands; the work is its organization's."""
        self.context.org_id = challenge.invitation_org_id
        invitation = self.invitations.find(challenge.invitation_id or "")
        org = self.orgs.find(challenge.invitation_org_id or "")
        if (
            invitation is None
            or org is None
            or invitation.status(self.context.now()) != "pending"
        ):
            raise link_invalid()
        inviter = self.memberships.find_live(invitation.owner_id)
        if inviter is None:
            raise link_invalid()
        given = self.rights_of(invitation.roles)
        wanted = replace(given, grants={**given.grants, "users:write": "all"})
        if beyond_rights(wanted, self.rights_of(inviter.roles)):
            raise link_invalid()
        return invitation, org, inviter

    def _invited(
        self, invitation: Invitation, known: Person | None, data: dict[str, Any]
    ) -> Person:
        """Whoever accepts, as they will be."""
        if known is not None and known.email_verified:
            return known
        if data["password"] is None:
            message = "Choose a password."
            raise invalid_field("password_needed", message, field="password")
        name = data["name"] or invitation.name or invitation.email.partition("@")[0]
        person = known or Person(
            id=derive_id(invitation.id, "person"),
            name=name,
            email=invitation.email,
            password_hash="",
            created_at=self.context.now(),
        )
        password_hash = self.new_hash(data["password"], person)
        return replace(person, password_hash=password_hash, email_verified=True)

    def _become(self, person: Person, known: Person | None) -> None:
        if known is None:
            self.people.add(person)
        elif not known.email_verified:
            if not self.people.change_password(known, person.password_hash):
                raise ConflictError(
                    "credentials_changed", "The password was changed in this moment."
                )
            self.hand_to_addressee(known)

    def _add_member(
        self,
        person: Person,
        org_id: str,
        invitation: Invitation,
        former: Membership | None,
    ) -> None:
        now = self.context.now()
        if former is None:
            membership_id = derive_id(org_id, f"membership:{person.id}")
            membership = new_membership(
                membership_id, person, org_id, invitation.roles, now
            )
            self.memberships.add(membership, events.member_joined(membership))
            return
        self.any_memberships.change(
            former.id,
            lambda each: each.restored(now).changed({"roles": invitation.roles}, now),
            lambda _, after: events.member_joined(after),
            is_archived=True,
        )

    def _view(self, invitation: Invitation) -> dict[str, Any]:
        status = invitation.status(self.context.now())
        view: dict[str, Any] = InvitationView().dump(
            {**asdict(invitation), "status": status}
        )
        return view
