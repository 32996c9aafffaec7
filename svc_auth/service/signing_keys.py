"""RPCs of signing keys."""

from datetime import timedelta
from typing import Any, Final

from chassis import inject
from chassis.errors import ConflictError, invalid_input
from chassis.ids import derive_id, new_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from svc_auth import events
from svc_auth.domain.signing_keys import (
    SYSTEM_ORG_ID,
    SigningKey,
    current_key,
    keys_in_use,
)
from svc_auth.repository.signing_keys import SigningKeyRepository
from svc_auth.schemas.signing_keys import SigningKeyView
from svc_auth.service.dependencies import Dependencies

__all__ = ["SigningKeyMethods"]

_LONGEST_NOTICE_S: Final = 86_400


class SigningKeyMethods(Dependencies):
    """What can be done with the keys that sign access tokens."""

    signing_keys: SigningKeyRepository = inject(Repositories(SigningKeyRepository))

    @rpc(public=True)
    def get_jwks(self) -> dict[str, Any]:
        """The public keys that verify access tokens (RFC 7517).

        Returns:
            A ``JwksView``.
        """
        return self.keyring.public_document()

    @rpc
    def list_signing_keys(self) -> list[dict[str, Any]]:
        """Every key that there ever was, the oldest first.

        For the operator only. There is none before the first rotation: until
        then the key signs that the installation was set up with.

        Returns:
            A list of ``SigningKeyView``.

        Raises:
            ForbiddenError: ``operator_only``.
        """
        self._be_operator()
        return self._views()

    @rpc
    def rotate_signing_key(self, *, after_s: int = 60) -> list[dict[str, Any]]:
        """Make a new key, which signs in a while.

        For the operator only. Tokens of the key before stay good until they
        expire. Each call makes a key.

        Args:
            after_s: Seconds until it signs, 0 to 86 400, in which everybody
                who verifies tokens hears of it. Others than Rapport's own
                processes keep keys for a minute.

        Returns:
            A list of ``SigningKeyView``.

        Raises:
            ForbiddenError: ``operator_only``.
            InvalidInputError: ``invalid_input``.

        Emits:
            ``auth.signing_key_added`` v1.
        """
        self._be_operator()
        if not 0 <= after_s <= _LONGEST_NOTICE_S:
            raise invalid_input([{"field": "after_s", "code": "out_of_range"}])
        self._keep_first()
        now = self.context.now()
        key_id = new_id()
        public, private = self.keyring.generate(key_id)
        key = SigningKey(
            id=key_id,
            key_id=key_id,
            public=public,
            private=private,
            signs_from=now + timedelta(seconds=after_s),
            created_at=now,
            updated_at=now,
        )
        self.signing_keys.add(key, events.signing_key_added(key))
        self.keyring.forget()
        return self._views()

    @rpc
    def retire_signing_key(self, *, key_id: str) -> list[dict[str, Any]]:
        """Take a key out of use: no token that it signed is good any more.

        For the operator only, when a key may be in wrong hands. Done twice,
        the same.

        Args:
            key_id: The ``kid`` of its tokens.

        Returns:
            A list of ``SigningKeyView``.

        Raises:
            ForbiddenError: ``operator_only``.
            NotFoundError: ``signing_key_not_found``.
            ConflictError: ``signing_key_in_use``: no other key signs; rotate
                first.

        Emits:
            ``auth.signing_key_retired`` v1.
        """
        self._be_operator()
        self._keep_first()
        keys = self.signing_keys.all()
        record_id = next((key.id for key in keys if key.key_id == key_id), key_id)
        others = [key for key in keys if key.id != record_id]
        if current_key(others, self.context.now()) is None:
            raise ConflictError(
                "signing_key_in_use", "No other key signs yet. Rotate first."
            )
        self.signing_keys.change(
            record_id,
            lambda key: key.retired(self.context.now()),
            lambda _, key: events.signing_key_retired(key),
        )
        self.keyring.forget()
        return self._views()

    def _be_operator(self) -> None:
        self.context.identified_caller.require_operator()
        self.context.org_id = SYSTEM_ORG_ID

    def _keep_first(self) -> None:
        """Note the key that the installation was set up with as the first one."""
        if self.signing_keys.all():
            return
        public = self.keyring.first_public()
        record_id = derive_id(SYSTEM_ORG_ID, public["kid"])
        now = self.context.now()
        key = SigningKey(
            id=record_id,
            key_id=public["kid"],
            public=public,
            private=None,
            signs_from=now,
            created_at=now,
            updated_at=now,
        )
        try:
            self.signing_keys.add(key)
        except ConflictError:
            # Somebody else rotates at this very moment, and has noted it.
            return

    def _views(self) -> list[dict[str, Any]]:
        keys, now = self.signing_keys.all(), self.context.now()
        current, in_use = current_key(keys, now), keys_in_use(keys, now)
        return [
            SigningKeyView().dump(
                {
                    "key_id": key.key_id,
                    "state": _state(key, current, in_use),
                    "signs_from": key.signs_from,
                    "created_at": key.created_at,
                    "retired_at": key.retired_at,
                }
            )
            for key in keys
        ]


def _state(
    key: SigningKey, current: SigningKey | None, in_use: list[SigningKey]
) -> str:
    if key.retired_at is not None:
        return "retired"
    if key not in in_use:
        return "expired"
    if current is None or key.signs_from > current.signs_from:
        return "announced"
    return "signs" if key == current else "verifies"
