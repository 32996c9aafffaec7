"""Which application a request comes from, and that it is the one it says."""

import hmac
from typing import Final

from chassis import inject
from chassis.errors import (
    InvalidInputError,
    RateLimitedError,
    UnauthenticatedError,
    bad_request,
)
from chassis.ids import is_id
from chassis.mongo import Repositories
from svc_auth import events
from svc_auth.clients.oauth import basic_credentials
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.oauth import OAuthClient
from svc_auth.repository.oauth_clients import (
    ClientDirectory,
    ClientFailures,
    OAuthClientRepository,
)
from svc_auth.service.dependencies import Dependencies

__all__ = ["ClientDependencies", "invalid_grant"]

_MOST_FAILURES: Final = 10
_RETRY_AFTER_S: Final = 60


class ClientDependencies(Dependencies):
    """Which application asks, and whether it is the one it says."""

    oauth_clients: OAuthClientRepository = inject(Repositories(OAuthClientRepository))
    client_directory: ClientDirectory = inject(Repositories(ClientDirectory))
    client_failures: ClientFailures = inject(Repositories(ClientFailures))

    def known_client(self, client_id: str) -> OAuthClient | None:
        """A live application; from now on its organization is the one at hand."""
        if not is_id(client_id):
            return None
        org_id = self.client_directory.org_of(client_id)
        if org_id is None:
            return None
        self.context.org_id = org_id
        return self.oauth_clients.find(client_id)

    def authenticated_client(
        self, form: dict[str, str], authorization: str
    ) -> OAuthClient:
        """The application that a request comes from (RFC 6749 §2.3).

        Raises:
            InvalidInputError: 400 ``invalid_request``.
            UnauthenticatedError: ``invalid_client``.
            RateLimitedError: ``rate_limited``: too many wrong secrets.
        """
        basic = basic_credentials(authorization)
        if basic is not None and "client_secret" in form:
            raise bad_request("invalid_request", "Prove who you are in one way only.")
        given = (form.get("client_id", ""), form.get("client_secret"))
        client_id, secret = basic or given
        if form.get("client_id", client_id) != client_id:
            raise bad_request("invalid_request", "client_id is not who asks.")
        client = self.known_client(client_id)
        if client is None:
            raise _unknown_client()
        if client.is_public:
            if secret:
                raise _unknown_client()
            return client
        self._check_secret(client, secret or "")
        return client

    def _check_secret(self, client: OAuthClient, secret: str) -> None:
        place, now = self.context.origin.place, self.context.now()
        if self.client_failures.count(client.id, place, now) >= _MOST_FAILURES:
            raise RateLimitedError(
                "rate_limited",
                "Too many wrong secrets; wait a minute.",
                f'{{"retry_after_s": {_RETRY_AFTER_S}}}',
            )
        if not hmac.compare_digest(hash_of(secret), client.secret_hash or ""):
            self.client_failures.note(client.id, place, now)
            self.note(events.client_refused, client_id=client.id)
            raise _unknown_client()


def invalid_grant() -> InvalidInputError:
    """What an application presents is not good; why is nobody's business."""
    return bad_request("invalid_grant", "This is not good, or not good any more.")


def _unknown_client() -> UnauthenticatedError:
    return UnauthenticatedError(
        "invalid_client", "The application is not known, or its secret is wrong."
    )
