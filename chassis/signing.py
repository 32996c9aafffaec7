"""The process's own signing key, and the context of the work at hand."""

from typing import Any

from nameko.extensions import DependencyProvider

from chassis.auth import KeySet, Signer
from chassis.config import secret_file, setting
from chassis.context import Context, context_of

__all__ = ["CurrentContext", "SigningKey", "own_signer"]


def own_signer() -> Signer:
    """The signer of this process, from its secrets.

    Raises:
        MissingSettingError: A key file is not there.
    """
    return Signer(
        secret_file("SIGNING_KEY_FILE", "signing_key.pem"),
        KeySet.load(secret_file("JWKS_FILE", "jwks.json")),
        setting("PUBLIC_URL", "http://127.0.0.1:8000"),
    )


class SigningKey(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`chassis.auth.Signer`."""

    def setup(self) -> None:
        """Load the keys."""
        self._signer = own_signer()

    def get_dependency(self, _worker_ctx: Any) -> Signer:
        """The same for every worker."""
        return self._signer


class CurrentContext(DependencyProvider):  # type: ignore[misc]
    """Injects the :class:`chassis.context.Context` of the worker."""

    def get_dependency(self, worker_ctx: Any) -> Context:
        """The worker's own."""
        return context_of(worker_ctx)
