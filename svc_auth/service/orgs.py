"""RPCs of organizations."""

import dataclasses
from typing import Any

from chassis.errors import ConflictError, ForbiddenError
from chassis.idempotency import idempotent
from chassis.ids import derive_id
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.orgs import Org
from svc_auth.domain.people import (
    OWNER,
    Membership,
    Person,
    handed_over,
    new_membership,
)
from svc_auth.domain.sessions import Proof
from svc_auth.schemas.orgs import (
    OrgView,
    RegisterOrgInput,
    TransferOrgInput,
    UpdateOrgInput,
)
from svc_auth.service.challenging import Challenging
from svc_auth.service.dependencies import no_such_reference
from svc_auth.service.proving import Proving

__all__ = ["OrgMethods"]


class OrgMethods(Challenging, Proving):
    """What can be done with organizations."""

    @rpc(public=True)
    def register_org(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create an organization with its owner, and log the owner in.

        All of it or nothing. A letter with a link by which the owner shows that
        the address is theirs goes there. Asking again in the same operation, with
        the same address, creates nothing and is a login to that organization:
        as whatever one is there by now, and with all that a login asks for.

        Args:
            payload: A ``RegisterOrgInput``.

        Returns:
            A ``TokensView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``password_too_common``.
            ConflictError: ``email_taken``.
            UnauthenticatedError: of whoever asks again ``credentials_invalid``,
                ``otp_required``: they log in by ``login`` from now on.
            RateLimitedError: of whoever asks again ``login_delayed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.org_registered``, ``auth.member_joined`` and
            ``auth.challenge_issued`` v1.
        """
        data = load(RegisterOrgInput(), payload)
        person, org = self._newcomers(data)
        known = self.people.find_by_email(person.email) or self._store(person, org)
        if known is None:
            return self.begin_session(
                Proof(
                    membership=_ownership(person, org), credentials=person.credentials
                )
            )
        if known.id != person.id:
            raise ConflictError(
                "email_taken", "Somebody is registered with this address."
            )
        # What they were when they registered they may be no more.
        login = {"email": person.email, "password": data["password"], "org_id": org.id}
        return self.begin_session(self.prove(login))

    @rpc
    def get_current_org(self) -> dict[str, Any]:
        """The caller's organization.

        Needs the ``org:read`` permission.

        Returns:
            An ``OrgView``.

        Raises:
            NotFoundError: ``org_not_found``.
        """
        caller = self.context.identified_caller
        caller.require("org:read")
        return _shown(self.orgs.get(caller.org_id))

    @rpc(needs="org:write")
    @idempotent
    def update_org(
        self, *, payload: dict[str, Any], expected_version: int | None = None
    ) -> dict[str, Any]:
        """Apply a merge patch to the caller's organization.

        Within two seconds all its members' requests are judged by its new
        currency and time zone. Stored amounts keep the currency that they were
        given in; those of a record are compared in the organization's new one
        once that record is changed.

        Needs the ``org:write`` permission.

        Args:
            payload: An ``UpdateOrgInput``.
            expected_version: The version that the caller saw, if it cares.

        Returns:
            An ``OrgView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            NotFoundError: ``org_not_found``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``auth.org_updated`` v1, if anything changed.
        """
        patch = load(UpdateOrgInput(), payload)
        changed = self.orgs.change(
            self.context.identified_caller.org_id,
            lambda org: org.changed(patch, self.context.now()),
            events.org_updated,
            expected_version=expected_version,
            is_mergeable=True,
        )
        return self.orgs.told(changed, _shown(changed))

    @rpc
    @idempotent
    def transfer_org(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Give the organization to another member; one is its administrator then.

        Only its owner can, who proves it by their password. There is exactly
        one owner at any time; what both may do changes within two seconds.

        Args:
            payload: A ``TransferOrgInput``.

        Returns:
            An ``OrgView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``current_password_wrong``,
                or ``reference_not_found``: there is no such other member.
            ForbiddenError: ``token_restricted`` or ``owner_only``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.member_updated`` v1 for both, and ``auth.org_updated`` v1.
        """
        person, _ = self.in_person()
        data = load(TransferOrgInput(), payload)
        if (done := self.orgs.done(self.context.identified_caller.org_id)) is not None:
            return _shown(done)
        former = self.memberships.find_live(person.id)
        if former is None or OWNER not in former.roles:
            raise ForbiddenError("owner_only", "Only the owner may do this.")
        successor = self.memberships.find_live(data["user_id"])
        if (
            successor is None
            or successor.id == former.id
            or successor.is_service_account
        ):
            raise no_such_reference("user_id", "There is no such other member.")
        self.confirm(person, data["current_password"])
        return _shown(
            self.transaction(lambda: self._hand_over(former.id, successor.id))
        )

    def _hand_over(self, former_id: str, successor_id: str) -> Org:
        now = self.context.now()
        former = self.any_memberships.get(former_id)
        after, owner = handed_over(former, self.any_memberships.get(successor_id), now)
        for membership in (after, owner):
            self.any_memberships.change(
                membership.id,
                lambda _, each=membership: each,  # type: ignore[misc]
                events.member_updated,
                expected_version=membership.version,
            )
        return self.orgs.change(
            former.org_id,
            lambda org: org.changed({"owner_id": owner.person_id}, now),
            events.org_updated,
        )

    def _newcomers(self, data: dict[str, Any]) -> tuple[Person, Org]:
        """The same ids each time that the same operation asks."""
        email, now = data["email"], self.context.now()
        operation_id = self.context.operation_id
        person_id = derive_id(operation_id, f"person:{email.casefold()}")
        org_id = derive_id(operation_id, f"org:{email.casefold()}")
        newcomer = Person(
            id=person_id,
            name=data["name"],
            email=email,
            password_hash="",
            created_at=now,
        )
        password_hash = self.new_hash(data["password"], newcomer)
        person = dataclasses.replace(newcomer, password_hash=password_hash)
        org = Org(
            id=org_id,
            name=data["org_name"],
            currency="USD",
            time_zone="UTC",
            first_weekday=1,
            owner_id=person_id,
            created_at=now,
            updated_at=now,
        )
        return person, org

    def _store(self, person: Person, org: Org) -> Person | None:
        """Store both, unless somebody has taken the address in this very moment."""
        self.context.org_id = org.id
        self.context.actor = {"type": "person", "id": person.id}
        try:
            self.transaction(lambda: self._add(person, org))
        except ConflictError:
            # It may be another attempt at this operation that was quicker.
            known = self.people.find_by_email(person.email)
            if known is None:
                raise
            return known
        return None

    def _add(self, person: Person, org: Org) -> None:
        self.people.add(person)
        self.orgs.add(org, events.org_registered(org))
        membership = _ownership(person, org)
        self.memberships.add(membership, events.member_joined(membership))
        email = person.email
        self.issue_challenge("email_verification", email, person, is_limited=False)


def _shown(org: Org) -> dict[str, Any]:
    view: dict[str, Any] = OrgView().dump(org)
    return view


def _ownership(person: Person, org: Org) -> Membership:
    membership_id = derive_id(org.id, f"membership:{person.id}")
    return new_membership(membership_id, person, org.id, (OWNER,), org.created_at)
