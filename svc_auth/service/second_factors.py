"""RPCs of second factors."""

import base64
from collections.abc import Callable
from typing import Any

from chassis.errors import ConflictError, NotFoundError, invalid_field
from chassis.events import Event
from chassis.idempotency import idempotent, repeatable
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.clients.one_time_codes import (
    new_recovery_code,
    new_secret,
    provisioning_uri,
)
from svc_auth.domain.acts import Act
from svc_auth.domain.people import Person
from svc_auth.domain.second_factors import RECOVERY_CODES, SecondFactor
from svc_auth.schemas.second_factors import (
    BeginTotpInput,
    ChangeSecondFactorInput,
    ConfirmTotpInput,
    RecoveryCodesView,
    SecondFactorView,
    TotpView,
)
from svc_auth.service.challenging import Challenging
from svc_auth.service.proving import Proving

__all__ = ["SecondFactorMethods"]


class SecondFactorMethods(Challenging, Proving):
    """What can be done with what is asked for at login besides the password."""

    @rpc
    def get_second_factor(self) -> dict[str, Any]:
        """Whether the caller is asked for a second factor.

        Returns:
            A ``SecondFactorView``.

        Raises:
            ForbiddenError: ``token_restricted``.
        """
        caller = self.context.identified_caller
        caller.require_presence()
        factor = self.second_factors.find(caller.principal_id)
        is_on = factor is not None and factor.confirmed_at is not None
        shown = factor if is_on else None
        view: dict[str, Any] = SecondFactorView().dump(
            {
                "is_on": is_on,
                "confirmed_at": shown and shown.confirmed_at,
                "recovery_codes_left": shown.recovery_codes_left if shown else 0,
            }
        )
        return view

    @rpc
    def begin_totp(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Get a secret for an authenticator (RFC 6238).

        Nothing is asked for at login before a code has confirmed it. Each call
        gives another secret.

        Args:
            payload: A ``BeginTotpInput``.

        Returns:
            A ``TotpView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``current_password_wrong``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            ConflictError: ``second_factor_is_on``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.
        """
        person, _ = self.in_person()
        data = load(BeginTotpInput(), payload)
        self.confirm(person, data["current_password"])
        secret = new_secret()
        if not self.second_factors.begin(person.id, secret):
            raise ConflictError("second_factor_is_on", "Remove the one there is first.")
        view: dict[str, Any] = TotpView().dump(
            {
                "secret": base64.b32encode(secret).decode(),
                "uri": provisioning_uri(secret, person.email),
            }
        )
        return view

    @rpc
    @repeatable
    def confirm_totp(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Have a second factor asked for from now on; other sessions end.

        In all of one's organizations, applications and personal tokens
        included: whoever had only the password may have made them. Repeated with
        its key it gives other recovery codes; the ones before are void.

        Args:
            payload: A ``ConfirmTotpInput``.

        Returns:
            A ``RecoveryCodesView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``otp_wrong``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person, or
                ``second_factor_not_found``: nobody has begun.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            ConflictError: ``second_factor_is_on``.
            RateLimitedError: ``login_delayed``: too many wrong codes.

        Emits:
            ``auth.second_factor_added`` v1, and ``auth.session_revoked`` v1 for
            each session.
        """
        person, session = self.in_person()
        code = load(ConfirmTotpInput(), payload)["otp"]
        if self.has_changed(person):
            return self._other_codes(person)
        factor = self._factor(person)
        if factor.confirmed_at is not None:
            raise ConflictError("second_factor_is_on", "It is on already.")
        self._take(factor, code)
        codes = _new_codes()

        def confirm() -> None:
            now = self.context.now()
            if not self.second_factors.confirm(person.id, codes, now):
                raise ConflictError("second_factor_is_on", "It is on already.")
            self._announce(person, events.second_factor_added, session.id)

        self.transaction(confirm)
        return _shown(codes)

    @rpc
    @repeatable
    def replace_recovery_codes(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Get ten other recovery codes; the ones before are void.

        Other sessions end, as when a second factor is turned on. Repeated with
        its key it gives others again.

        Args:
            payload: A ``ChangeSecondFactorInput``.

        Returns:
            A ``RecoveryCodesView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``current_password_wrong`` or
                ``otp_wrong``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person, or
                ``second_factor_not_found``.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.recovery_codes_replaced`` v1, and ``auth.session_revoked`` v1
            for each session.
        """
        person, session = self.in_person()
        data = load(ChangeSecondFactorInput(), payload)
        if self.has_changed(person):
            return self._other_codes(person)
        self._prove_twice(person, data)
        codes = _new_codes()

        def replace() -> None:
            self.second_factors.replace_codes(person.id, codes)
            self._announce(person, events.recovery_codes_replaced, session.id)

        self.transaction(replace)
        return _shown(codes)

    @rpc
    @idempotent
    def remove_totp(self, *, payload: dict[str, Any]) -> None:
        """Have no second factor asked for any more; other sessions end.

        Args:
            payload: A ``ChangeSecondFactorInput``.

        Raises:
            InvalidInputError: ``invalid_input``, ``current_password_wrong`` or
                ``otp_wrong``.
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``person_not_found``: the caller is no person, or
                ``second_factor_not_found``.
            UnauthenticatedError: ``token_revoked``: the session has ended.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``.

        Emits:
            ``auth.second_factor_removed`` v1, and ``auth.session_revoked`` v1 for
            each session.
        """
        person, session = self.in_person()
        data = load(ChangeSecondFactorInput(), payload)
        if self.has_changed(person):
            return
        self._prove_twice(person, data)
        self.transaction(lambda: self._remove(person, session.id))

    @rpc
    def reset_second_factor(self, *, person_id: str) -> None:
        """Remove the second factor of somebody who has lost all of it.

        For the operator only, who knows for sure who asks. Their password is
        still asked for, and all of their sessions end.

        Raises:
            ForbiddenError: ``operator_only``.
            NotFoundError: ``second_factor_not_found``.

        Emits:
            ``auth.second_factor_removed`` v1, and ``auth.session_revoked`` v1 for
            each session.
        """
        self.context.identified_caller.require_operator()
        person = self.people.find(person_id)
        if person is None:
            raise _none()
        self.transaction(lambda: self._remove(person))

    def _remove(self, person: Person, but: str = "") -> None:
        if not self.second_factors.remove(person.id):
            raise _none()
        self._announce(person, events.second_factor_removed, but)

    def _announce(
        self, person: Person, describe: Callable[[Act], Event], but: str
    ) -> None:
        """Let nothing go on that began with what proved somebody before."""
        # A login that is under way has been asked for something else.
        self.people.count_change(person.id)
        self.end_all_sessions(person.id, "second_factor_changed", but)
        self.note_everywhere(describe, person.id)
        self.notify(person, "second_factor_changed")

    def _other_codes(self, person: Person) -> dict[str, Any]:
        """Codes in place of those that this operation made, and nobody has seen."""
        codes = _new_codes()
        self.second_factors.replace_codes(person.id, codes)
        return _shown(codes)

    def _prove_twice(self, person: Person, data: dict[str, Any]) -> None:
        factor = self._factor(person)
        if factor.confirmed_at is None:
            raise _none()
        self.confirm(person, data["current_password"])
        self._take(factor, data["otp"])

    def _factor(self, person: Person) -> SecondFactor:
        factor = self.second_factors.find(person.id)
        if factor is None:
            raise _none()
        return factor

    def _take(self, factor: SecondFactor, code: str) -> None:
        if not self.takes_code(factor, code):
            raise invalid_field("otp_wrong", "This code is wrong.", field="otp")


def _new_codes() -> list[str]:
    return [new_recovery_code() for _ in range(RECOVERY_CODES)]


def _shown(codes: list[str]) -> dict[str, Any]:
    view: dict[str, Any] = RecoveryCodesView().dump({"recovery_codes": codes})
    return view


def _none() -> NotFoundError:
    return NotFoundError("second_factor_not_found", "There is no second factor.")
