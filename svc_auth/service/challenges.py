"""RPCs of links by e-mail: forgotten passwords, and addresses."""

from typing import Any, Final

from chassis import inject
from chassis.errors import ConflictError
from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.clients.challenge_tokens import ChallengeTokenProvider, ChallengeTokens
from svc_auth.domain.challenges import (
    Challenge,
    ChallengeKind,
    link_invalid,
)
from svc_auth.domain.people import Person
from svc_auth.schemas.challenges import (
    ChangeEmailInput,
    ConfirmPasswordResetInput,
    RequestPasswordResetInput,
    VerifyEmailInput,
)
from svc_auth.service.challenging import Challenging
from svc_auth.service.people import PersonMethods
from svc_auth.service.proving import Proving

__all__ = ["ChallengeMethods"]

_PAGES: Final = {
    "password_reset": "/account/new-password",
    "email_verification": "/account/verify-email",
    "email_change": "/account/verify-email",
    "invitation": "/account/invitation",
}


class ChallengeMethods(PersonMethods, Challenging, Proving):
    """What is proved by reading what was sent to an address."""

    challenge_tokens: ChallengeTokens = inject(ChallengeTokenProvider())

    @rpc(public=True)
    def request_password_reset(self, *, payload: dict[str, Any]) -> None:
        """Send a link to an address, with which its owner sets a new password.

        The answer is the same, and as quick, whether anybody is registered
        with that address: that is looked up when the message is sent. One
        message a minute and five an hour go to an address; further ones do not,
        and that is not told either. The link is good for an hour, once.

        Args:
            payload: A ``RequestPasswordResetInput``.

        Raises:
            InvalidInputError: ``invalid_input``.

        Emits:
            ``auth.challenge_issued`` v1.
        """
        data = load(RequestPasswordResetInput(), payload)
        self.issue_challenge("password_reset", data["email"])

    @rpc(public=True)
    def confirm_password_reset(self, *, payload: dict[str, Any]) -> None:
        """Set a new password with what the link in the message holds.

        It ends every session, personal token and application of the person in
        all of their organizations, and shows that the address is theirs. If
        nothing had shown that before, somebody else may have registered with it:
        a second factor is removed then, too, and the person told so.

        Args:
            payload: A ``ConfirmPasswordResetInput``.

        Raises:
            InvalidInputError: ``invalid_input``, ``password_too_common``, or
                ``link_invalid``: it was used, is too old, or the password has
                changed since.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.password_changed`` v1, ``auth.session_revoked`` v1 for each
            session, and perhaps ``auth.second_factor_removed`` v1.
        """
        data = load(ConfirmPasswordResetInput(), payload)
        if self.spent_before(data["token"]):
            return
        challenge, person = self._answered(data["token"], "password_reset")
        password_hash = self.new_hash(data["password"], person)

        def reset() -> None:
            self._spend(challenge)
            if not self.people.change_password(person, password_hash):
                raise link_invalid()
            self.hand_to_addressee(person)
            self.note_everywhere(events.password_changed, person.id, reason="reset")
            self.notify(person, "password_changed")

        self.transaction(reset)
        self.forget_places(person)
        delay = self.login_delays.find(person.email)
        self.login_delays.note_success(person.email, delay, self.login_delays.place)

    @rpc
    @idempotent
    def request_email_verification(self) -> None:
        """Send a link to one's own address, which shows that it is one's own.

        It is good for three days. As many are sent as for a forgotten password.

        Raises:
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``: the session has ended.

        Emits:
            ``auth.challenge_issued`` v1.
        """
        person, _ = self.in_person()
        self.issue_challenge("email_verification", person.email, person)

    @rpc
    @idempotent
    def request_email_change(self, *, payload: dict[str, Any]) -> None:
        """Send a link to another address; following it makes it one's own.

        Nothing changes until then. Whether somebody else is registered with it
        is told only there. It is good for a day.

        Args:
            payload: A ``ChangeEmailInput``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``current_password_wrong``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.challenge_issued`` v1.
        """
        person, _ = self.in_person()
        data = load(ChangeEmailInput(), payload)
        known = self.confirm(person, data["current_password"])
        self.issue_challenge("email_change", data["email"], known)

    @rpc(public=True)
    def verify_email(self, *, payload: dict[str, Any]) -> None:
        """Follow a link that was sent to an address: it is the person's.

        If it is another one than before, they log in with it from now on, in
        all of their organizations, and all of their sessions end.

        Args:
            payload: A ``VerifyEmailInput``.

        Raises:
            InvalidInputError: ``invalid_input``, or ``link_invalid``: it was
                used, is too old, or the address or password has changed since.
            ConflictError: ``email_taken``.

        Emits:
            With another address ``auth.member_updated`` v1 for each
            organization, and ``auth.session_revoked`` v1 for each session.
        """
        token = load(VerifyEmailInput(), payload)["token"]
        if self.spent_before(token):
            return
        challenge, person = self._answered(token, "email_verification", "email_change")
        is_other = challenge.kind == "email_change"
        taken = self.people.find_by_email(challenge.email) if is_other else None
        if taken is not None and taken.id != person.id:
            raise ConflictError(
                "email_taken", "Somebody is registered with this address."
            )

        def verify() -> None:
            self._spend(challenge)
            if not self.people.verify_email(person, challenge.email):
                raise link_invalid()
            if is_other:
                self.update_memberships(person.id, {"email": challenge.email})
                self.end_all_sessions(person.id, "email_changed")
                self.note_everywhere(events.email_changed, person.id)
                self.notify(person, "email_changed")
            else:
                self.note_everywhere(events.email_verified, person.id)

        self.transaction(verify)

    @rpc
    def prepare_challenge(self, *, challenge_id: str) -> dict[str, Any] | None:
        """What is to be sent for a challenge; the same each time.

        For svc_notify, at the moment of sending: no event holds the link.

        Needs the ``people:read`` permission.

        Returns:
            ``{"kind", "recipient", "recipient_id", "name", "link"}``, of an
            invitation ``org`` and ``inviter`` as well; null if nothing is to be
            sent: nobody has that address, or it is too late. A notice has no
            ``link``.
        """
        self.context.identified_caller.require("people:read")
        challenge = self.challenges.find(challenge_id)
        if challenge is None or not challenge.is_open(self.context.now()):
            return None
        message = self.message_of(challenge)
        if message is None:
            return None
        page, token = _PAGES.get(challenge.kind), self.challenge_tokens.of(challenge.id)
        link = page and f"{self.keyring.issuer_url}{page}?token={token}"
        return {"kind": challenge.kind, **message, "link": link}

    def hand_to_addressee(self, person: Person) -> None:
        """Leave somebody to whoever has just set the password by a link to them.

        Nothing goes on that was begun with the password before. The second
        factor does, unless it may be that of a stranger who registered with an
        address that is not theirs, and would keep its owner out by it.

        Args:
            person: As they were before.
        """
        self.people.update(person.id, {"email_verified": True})
        self.end_all_sessions(person.id, "password_reset")
        factor = self.second_factors.find(person.id)
        if person.email_verified or factor is None:
            return
        self.second_factors.remove(person.id)
        if factor.confirmed_at is not None:
            self.note_everywhere(events.second_factor_removed, person.id)
            self.notify(person, "second_factor_changed")

    def forget_places(self, person: Person) -> None:
        """Have nobody exempt from waiting whose address it never was."""
        if not person.email_verified:
            self.login_delays.forget(person.email)

    def message_of(self, challenge: Challenge) -> dict[str, Any] | None:
        """To whom a message goes, and what it says; None if to nobody."""
        person = self._addressee(challenge)
        if person is None:
            return None
        is_asked_for = challenge.kind == "password_reset"
        return {
            # As the person wrote it, not as somebody did who asked for them.
            "recipient": person.email if is_asked_for else challenge.email,
            "recipient_id": person.id,
            "name": person.name,
        }

    def _addressee(self, challenge: Challenge) -> Person | None:
        if challenge.person_id is not None:
            return self.people.find(challenge.person_id)
        person = self.people.find_by_email(challenge.email)
        if person is not None:
            # The event that asks for it belongs to the operation that issued it.
            with self.context.as_step("address"):
                self.challenges.change(
                    challenge.id, lambda each: each.about(person), lambda *_: None
                )
        return person

    def _answered(self, token: str, *kinds: ChallengeKind) -> tuple[Challenge, Person]:
        """The challenge that a token answers, and whom it is about.

        The work is that person's from here on.
        """
        challenge = self._opened(token, *kinds)
        person = self.people.find(challenge.person_id or "")
        if person is None or person.credentials != challenge.credentials:
            raise link_invalid()
        self.context.actor = {"type": "person", "id": person.id}
        return challenge, person

    def _opened(self, token: str, *kinds: ChallengeKind) -> Challenge:
        """The challenge that a token answers, if it can be answered."""
        challenge = self._found(token)
        if (
            challenge is None
            or challenge.kind not in kinds
            or not challenge.is_open(self.context.now())
        ):
            raise link_invalid()
        return challenge

    def _found(self, token: str) -> Challenge | None:
        challenge_id = self.challenge_tokens.read(token)
        with self.of_the_system():
            return self.challenges.find(challenge_id) if challenge_id else None

    def spent_before(self, token: str) -> Challenge | None:
        """The challenge, if this very request has answered it already.

        Its process died before anybody heard of that, and the broker has
        delivered it again. What an answer does is one transaction.
        """
        challenge = self._found(token)
        if challenge is None or challenge.spent_by != self.context.message:
            return None
        return challenge

    def _spend(self, challenge: Challenge) -> None:
        with self.of_the_system():
            self.challenges.change(
                challenge.id,
                lambda each: each.spent(self.context.message, self.context.now()),
                lambda *_: None,
            )
