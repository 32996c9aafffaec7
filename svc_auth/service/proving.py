"""How people prove who they are: a password, and perhaps a code."""

import json
from typing import Any

from chassis import inject
from chassis.errors import RateLimitedError, UnauthenticatedError, invalid_field
from chassis.mongo import Repositories
from chassis.schemas import load
from svc_auth.clients.one_time_codes import matching_step
from svc_auth.domain.people import Person
from svc_auth.domain.second_factors import SecondFactor
from svc_auth.domain.sessions import PASSWORD, TWO_FACTORS, Proof
from svc_auth.repository.login_delays import LoginDelays
from svc_auth.repository.second_factors import SecondFactorRepository
from svc_auth.schemas.sessions import LoginInput
from svc_auth.service.dependencies import Dependencies, wrong_credentials

__all__ = ["Proving"]


class Proving(Dependencies):
    """What several mixins ask for as a proof."""

    login_delays: LoginDelays = inject(Repositories(LoginDelays))
    second_factors: SecondFactorRepository = inject(
        Repositories(SecondFactorRepository)
    )

    def prove(self, payload: dict[str, Any]) -> Proof:
        """Who somebody is, by their password, and what they log in to.

        Args:
            payload: A ``LoginInput``.

        Raises:
            InvalidInputError: ``invalid_input``.
            UnauthenticatedError: ``credentials_invalid``; or, of somebody
                whose password is right, ``otp_required`` or ``otp_invalid``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``: too many log in at once.
        """
        data, now = load(LoginInput(), payload), self.context.now()
        email, place = data["email"].strip(), self.login_delays.place
        delay = self.login_delays.find(email)
        wait_s = delay.wait_s(place, now)
        person = self._matching(email, data["password"], wait_s, data["org_id"])
        methods = self._check_factor(person, data["otp"], data["org_id"])
        self.login_delays.note_success(email, delay, place)
        membership = self.find_membership(person.id, data["org_id"])
        if membership is None:
            raise wrong_credentials()
        return Proof(
            membership=membership, credentials=person.credentials, methods=methods
        )

    def check_password(self, email: str, password: str) -> Person:
        """The person with that e-mail address, whose password this is.

        Whoever is known is refused as slowly as whoever is not, and counted
        alike.

        Args:
            email: Who they say they are.
            password: What is to prove it.

        Raises:
            UnauthenticatedError: ``credentials_invalid``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``: too many log in at once.
        """
        place, delay = self.login_delays.place, self.login_delays.find(email)
        wait_s = delay.wait_s(place, self.context.now())
        person = self._matching(email, password, wait_s)
        self.login_delays.note_success(email, delay, place)
        return person

    def takes_code(
        self, factor: SecondFactor, code: str, org_id: str | None = None
    ) -> bool:
        """Whether a code is right, and has not been used; it is used by that.

        Args:
            factor: Whose it is to be.
            code: What was typed.
            org_id: Where the person wants to log in to, if they said so.

        Raises:
            RateLimitedError: ``login_delayed``: there were too many wrong ones.
        """
        now = self.context.now()
        if wait_s := factor.wait_s(now):
            raise _delayed(wait_s)
        step = matching_step(factor.secret, code.strip(), now.timestamp())
        used = (
            self.second_factors.use_code(factor.person_id, code)
            if step is None
            else self.second_factors.use_step(factor.person_id, step)
        )
        if not used:
            self.second_factors.note_failure(factor.person_id, now)
            self.note_failed_login(factor.person_id, "otp", org_id)
        return used

    def _check_factor(
        self, person: Person, code: str | None, org_id: str | None
    ) -> tuple[str, ...]:
        """By what they have proved who they are, once the code is right, too."""
        factor = self.second_factors.find(person.id)
        if factor is None or factor.confirmed_at is None:
            return PASSWORD
        if not code:
            raise UnauthenticatedError(
                "otp_required", "The code of your authenticator is needed, too."
            )
        if not self.takes_code(factor, code, org_id):
            raise UnauthenticatedError("otp_invalid", "This code is wrong.")
        return TWO_FACTORS

    def _matching(
        self, email: str, password: str, wait_s: int, org_id: str | None = None
    ) -> Person:
        if wait_s:
            raise _delayed(wait_s)
        person = self.people.find_by_email(email)
        is_right = self.passwords.matches(
            None if person is None else person.password_hash, password
        )
        if person is None or not is_right:
            self.login_delays.note_failure(email)
            person_id = None if person is None else person.id
            self.note_failed_login(person_id, "password", org_id)
            raise wrong_credentials()
        if self.passwords.is_outdated(person.password_hash):
            self.people.replace_hash(person, self.passwords.hash(password))
        return person

    def has_changed(self, person: Person) -> bool:
        """Whether this very operation has changed what proves the person already.

        Its process died before anybody heard of that, and what it was proved by
        may be good no more.
        """
        return person.changed_by == self.context.step_id

    def new_hash(self, password: str, person: Person) -> str:
        """The hash of a password that somebody is about to have.

        Raises:
            InvalidInputError: ``password_too_common``: it is among those that
                are tried first (NIST SP 800-63B §3.1.1.2), or is their own
                name or address.
            UnavailableError: ``too_busy``.
        """
        own = {person.name, person.email, person.email.partition("@")[0]}
        is_own = password.casefold() in {each.casefold() for each in own}
        if is_own or self.passwords.is_common(password):
            message = "Too many would guess this password."
            raise invalid_field("password_too_common", message, field="password")
        return self.passwords.hash(password)

    def confirm(self, person: Person, password: str) -> Person:
        """Have somebody who is logged in prove once more that it is them.

        Returns:
            The person, as they were when the password was right.

        Raises:
            InvalidInputError: ``current_password_wrong``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.
        """
        try:
            return self.check_password(person.email, password)
        except UnauthenticatedError:
            # Their token is good: 401 would have them log in again.
            message = "This is not your password."
            raise invalid_field(
                "current_password_wrong", message, field="current_password"
            ) from None


def _delayed(wait_s: int) -> RateLimitedError:
    details = json.dumps({"retry_after_s": wait_s})
    message = f"Too many were wrong; wait {wait_s} s."
    return RateLimitedError("login_delayed", message, details)
