"""The rpc role of svc_auth."""

import secrets
from typing import Any

from chassis import inject
from chassis.auth import Signer
from chassis.context import Context
from chassis.errors import (
    ConflictError,
    NotFoundError,
    UnauthenticatedError,
)
from chassis.ids import derive_id, new_id
from chassis.mongo import Repositories, Transaction, Transactions
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.signing import CurrentContext, SigningKey
from svc_auth import domain, events, repository
from svc_auth import schemas as s
from svc_auth.clients import PasswordPool, Passwords
from svc_auth.domain import Membership, Org, Person, RefreshToken

__all__ = ["AuthService"]


class AuthService:
    """Organizations, people and sessions."""

    name = "auth"

    context: Context = inject(CurrentContext())
    signer: Signer = inject(SigningKey())
    passwords: Passwords = inject(PasswordPool())
    transaction: Transaction = inject(Transactions())
    orgs: repository.OrgRepository = inject(Repositories(repository.OrgRepository))
    people: repository.PersonRepository = inject(
        Repositories(repository.PersonRepository)
    )
    memberships: repository.MembershipRepository = inject(
        Repositories(repository.MembershipRepository)
    )
    sessions: repository.RefreshTokenRepository = inject(
        Repositories(repository.RefreshTokenRepository)
    )

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}

    @rpc(public=True)
    def get_jwks(self) -> dict[str, Any]:
        """The public keys that verify access tokens (RFC 7517).

        Returns:
            A ``JwksView``.
        """
        return self.signer.keys.public_document("auth")

    @rpc(public=True)
    def register_org(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create an organization with its owner, and log the owner in.

        All of it or nothing. Asking again in the same operation, with the
        same address and password, logs in and creates nothing.

        Args:
            payload: A ``RegisterOrgInput``.

        Returns:
            A ``TokensView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ConflictError: ``email_taken``.

        Emits:
            ``auth.org_registered`` v1.
        """
        data = load(s.RegisterOrgInput(), payload)
        person, org = self._newcomers(data)
        known = self.people.find_by_email(person.email) or self._store(person, org)
        if known is not None and not self._is_same(known, person, data["password"]):
            raise ConflictError(
                "email_taken", "Somebody is registered with this address."
            )
        return self._log_in(
            Membership(person_id=person.id, org_id=org.id, roles=("owner",))
        )

    @rpc(public=True)
    def login(self, *, payload: dict[str, Any], address: str = "") -> dict[str, Any]:
        """Exchange an address and a password for tokens.

        Unknown and known addresses are refused alike, and as slowly.

        Args:
            payload: A ``LoginInput``.
            address: Where the request came from.

        Returns:
            A ``TokensView``.

        Raises:
            UnauthenticatedError: ``credentials_invalid``.
        """
        del address  # for the audit log to come
        data = load(s.LoginInput(), payload)
        person = self.people.find_by_email(data["email"].strip())
        is_right = self._is(person, data["password"])
        membership = self.memberships.find_first(person.id) if person else None
        if not is_right or membership is None:
            raise UnauthenticatedError(
                "credentials_invalid", "Address or password is wrong."
            )
        return self._log_in(membership)

    @rpc(public=True)
    def refresh_tokens(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange a refresh token for new tokens; it is spent by that.

        A token that is used twice has been stolen or lost its answer: the
        whole login ends (RFC 9700 §4.14.2).

        Args:
            payload: A ``RefreshInput``.

        Returns:
            A ``TokensView``.

        Raises:
            UnauthenticatedError: ``refresh_token_invalid`` or
                ``refresh_token_reused``.
        """
        data = load(s.RefreshInput(), payload)
        spent = self.sessions.spend(data["refresh_token"])
        if spent is None or spent.expires_at <= self.context.now():
            raise UnauthenticatedError(
                "refresh_token_invalid", "This refresh token is not valid."
            )
        if spent.is_spent:
            self.sessions.revoke_family(spent.family_id)
            raise UnauthenticatedError(
                "refresh_token_reused", "This refresh token was used before."
            )
        self.context.org_id = spent.org_id
        membership = self.memberships.find(spent.person_id)
        if membership is None:
            raise UnauthenticatedError(
                "refresh_token_invalid", "This refresh token is not valid."
            )
        return self._log_in(membership, spent.family_id)

    @rpc(public=True)
    def logout(self, *, payload: dict[str, Any]) -> None:
        """End the login that a refresh token belongs to; done twice, the same.

        Access tokens of it live on until they expire.

        Args:
            payload: A ``RefreshInput``.
        """
        data = load(s.RefreshInput(), payload)
        spent = self.sessions.spend(data["refresh_token"])
        if spent is not None:
            self.sessions.revoke_family(spent.family_id)

    @rpc
    def get_me(self) -> dict[str, Any]:
        """The caller.

        Returns:
            A ``MeView``.

        Raises:
            NotFoundError: ``person_not_found``: the caller is no person.
        """
        caller = self.context.identified_caller
        person = self._person(caller.principal_id)
        return {
            **s.PersonView().dump(person),
            "org_id": caller.org_id,
            "roles": list(caller.roles),
            "grants": dict(caller.grants),
        }

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
        view: dict[str, Any] = s.OrgView().dump(self.orgs.get(caller.org_id))
        return view

    @rpc
    def get_person(self, *, person_id: str) -> dict[str, Any]:
        """A member of the caller's organization: name and address.

        Needs the ``people:read`` permission.

        Returns:
            A ``PersonView``.

        Raises:
            NotFoundError: ``person_not_found``, also for people elsewhere.
        """
        self.context.identified_caller.require("people:read")
        view: dict[str, Any] = s.PersonView().dump(self._person(person_id))
        return view

    def _person(self, person_id: str) -> Person:
        person = self.people.find(person_id)
        if person is None or self.memberships.find(person_id) is None:
            raise NotFoundError("person_not_found", "There is no such person.")
        return person

    def _is_same(self, known: Person, person: Person, password: str) -> bool:
        return known.id == person.id and self._is(known, password)

    def _is(self, person: Person | None, password: str) -> bool:
        return self.passwords.matches(
            None if person is None else person.password_hash, password
        )

    def _newcomers(self, data: dict[str, Any]) -> tuple[Person, Org]:
        """The same ids each time that the same operation asks."""
        email, now = data["email"], self.context.now()
        operation_id = self.context.operation_id
        person_id = derive_id(operation_id, f"person:{email.casefold()}")
        org_id = derive_id(operation_id, f"org:{email.casefold()}")
        person = Person(
            id=person_id,
            name=data["name"],
            email=email,
            password_hash=self.passwords.hash(data["password"]),
            created_at=now,
        )
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
        self.context.org_id = org_id
        self.context.actor = {"type": "person", "id": person_id}
        return person, org

    def _store(self, person: Person, org: Org) -> Person | None:
        """Store both, unless somebody has taken the address in this very moment."""
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
        self.memberships.add(
            Membership(person_id=person.id, org_id=org.id, roles=("owner",))
        )

    def _log_in(
        self, membership: Membership, family_id: str | None = None
    ) -> dict[str, Any]:
        self.context.org_id = membership.org_id
        org = self.orgs.get(membership.org_id)
        life_s = int(domain.ACCESS_TOKEN_LIFE.total_seconds())
        refresh_token = secrets.token_urlsafe(32)
        record = RefreshToken(
            person_id=membership.person_id,
            org_id=membership.org_id,
            family_id=family_id or new_id(),
            expires_at=self.context.now() + domain.REFRESH_TOKEN_LIFE,
            is_spent=False,
        )
        self.sessions.add(refresh_token, record)
        access_token = self.signer.sign(
            subject=membership.person_id,
            org_id=membership.org_id,
            roles=membership.roles,
            grants=domain.grants_of(membership.roles),
            currency=org.currency,
            time_zone=org.time_zone,
            lifetime_s=life_s,
        )
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": life_s,
            "refresh_token": refresh_token,
        }
