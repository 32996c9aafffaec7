"""The process's own signing key, and the context of the work at hand."""

from typing import Any

from nameko.extensions import DependencyProvider

from chassis.config import secret_file
from chassis.context import Context, context_of
from chassis.signer import Signer
from chassis.trust import trusted_keys

__all__ = ["CurrentContext", "SigningKey", "own_signer"]


def own_signer() -> Signer:
    """The signer of this process, from its secrets.

    Raises:
        MissingSettingError: A key file is not there.
    """
    return Signer(secret_file("SIGNING_KEY_FILE", "signing_key.pem"), trusted_keys())


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
