"""RPCs of applications (OAuth 2.0 clients)."""

import secrets
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from marshmallow import ValidationError

from chassis.errors import ConflictError, invalid_input
from chassis.idempotency import idempotent, repeatable
from chassis.ids import new_id
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.schemas import load
from svc_auth import events
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.oauth import OAuthClient, new_oauth_client
from svc_auth.domain.rights import Rights
from svc_auth.domain.roles import PERMISSIONS, Reach
from svc_auth.schemas.oauth_clients import (
    CreateOAuthClientInput,
    NewOAuthClientView,
    OAuthClientView,
    RegisterOAuthClientInput,
    UpdateOAuthClientInput,
    refuse_contradictions,
)
from svc_auth.service.client_authentication import ClientDependencies

__all__ = ["OAuthClientMethods", "own_grants"]

_MOST_SESSIONS: Final = 1_000
# What of an application says how much it may.
_LIMITS: Final = frozenset({"scope", "grant_types"})


def _unrestored(client: OAuthClient, *_: object) -> OAuthClient:
    raise NotImplementedError(client.id)


_CLIENT: Final = Kind(
    create_input=CreateOAuthClientInput(),
    update_input=UpdateOAuthClientInput(),
    view=OAuthClientView(),
    make=new_oauth_client,
    change=OAuthClient.changed,
    archive=OAuthClient.archived,
    restore=_unrestored,
    created=events.oauth_client_created,
    updated=events.oauth_client_updated,
    archived=events.oauth_client_archived,
    restored=events.oauth_client_updated,
)


class OAuthClientMethods(ClientDependencies):
    """What can be done with applications."""

    def _clients(self) -> Records[OAuthClient]:
        return Records(_CLIENT, self.oauth_clients, self)

    @rpc(needs="oauth-clients:write")
    @repeatable
    def create_oauth_client(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Register an application; its secret is shown this once.

        Only for people who log in themselves. One that may act for itself
        (``client_credentials``) gets no more than the caller may do. Repeated
        with its key it is the same one, with another secret; the one before is
        good no more.

        Needs the ``oauth-clients:write`` permission.

        Args:
            payload: A ``CreateOAuthClientInput``.

        Returns:
            A ``NewOAuthClientView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            NotFoundError: ``oauth_client_not_found``: it is a repetition, and what
                was registered has been removed since.
            ConflictError: ``too_many_clients``: there are two hundred.

        Emits:
            ``auth.oauth_client_created`` v1.
        """
        self._may_administer()
        client, secret = self._registered(load(CreateOAuthClientInput(), payload))
        view: dict[str, Any] = NewOAuthClientView().dump(_with_secret(client, secret))
        return view

    @rpc(needs="oauth-clients:write")
    @repeatable
    def register_oauth_client(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Register an application by the standard's own words (RFC 7591).

        As ``create_oauth_client``; members that are not known are ignored.

        Needs the ``oauth-clients:write`` permission.

        Args:
            payload: A ``RegisterOAuthClientInput``.

        Returns:
            A ``RegisteredClientView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            NotFoundError: ``oauth_client_not_found``.
            ConflictError: ``too_many_clients``.

        Emits:
            ``auth.oauth_client_created`` v1.
        """
        self._may_administer()
        client, secret = self._registered(load(RegisterOAuthClientInput(), payload))
        known = {
            "client_id": client.id,
            "client_id_issued_at": int(client.created_at.timestamp()),
            "client_name": client.name,
            "redirect_uris": list(client.redirect_uris),
            "grant_types": list(client.grant_types),
            "response_types": ["code"],
            "scope": " ".join(client.scope),
            "token_endpoint_auth_method": client.token_endpoint_auth_method,
        }
        if secret is None:
            return known
        return {**known, "client_secret": secret, "client_secret_expires_at": 0}

    @rpc
    def get_oauth_client(self, *, oauth_client_id: str) -> dict[str, Any]:
        """One application.

        Needs the ``oauth-clients:read`` permission.

        Returns:
            An ``OAuthClientView``.

        Raises:
            NotFoundError: ``oauth_client_not_found``.
        """
        return self._clients().get(oauth_client_id)

    @rpc
    def list_oauth_clients(self, *, query: dict[str, str]) -> dict[str, Any]:
        """Applications that the organization knows.

        Needs the ``oauth-clients:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [OAuthClientView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self._clients().page(query)

    @rpc(needs="oauth-clients:write")
    @idempotent
    def update_oauth_client(
        self,
        *,
        oauth_client_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Change an application.

        If it may do less than before, what it was let do is ended, and so is
        what people are about to let it do beyond its scope; it has to ask them
        again. Nobody who has consented is called back at another redirect URI
        without being asked.

        Needs the ``oauth-clients:write`` permission.

        Args:
            oauth_client_id: Which one.
            payload: An ``UpdateOAuthClientInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``OAuthClientView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            NotFoundError: ``oauth_client_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.oauth_client_updated`` v1, if anything changed.
        """
        self._may_administer()
        before = self.oauth_clients.get(oauth_client_id)
        patch = load(UpdateOAuthClientInput(), payload)
        after = before.changed(patch, self.context.now())
        self._check(after)
        view = self._clients().update(oauth_client_id, payload, expected_version)
        # An attempt whose process died may have stored it and ended nothing.
        is_unclear = self.context.is_repeated and not patch.keys().isdisjoint(_LIMITS)
        if is_unclear or after.may_less_than(before):
            self._end_sessions(oauth_client_id)
        return view

    @rpc(needs="oauth-clients:write")
    @idempotent
    def archive_oauth_client(
        self, *, oauth_client_id: str, expected_version: int | None = None
    ) -> None:
        """Let an application in no more; what it was let do is ended.

        Needs the ``oauth-clients:write`` permission.

        Raises:
            ForbiddenError: ``token_restricted``.
            NotFoundError: ``oauth_client_not_found``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.oauth_client_archived`` v1.
        """
        self._may_administer()
        self._clients().archive(oauth_client_id, expected_version)
        self._end_sessions(oauth_client_id)

    @rpc(needs="oauth-clients:write")
    @repeatable
    def rotate_oauth_client_secret(
        self, *, oauth_client_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Give an application another secret; the one before is good no more.

        Its tokens stay good. Each call makes another, whatever key it has; the
        one that is answered last is good.

        Needs the ``oauth-clients:write`` permission, and all that the
        application may do for itself.

        Returns:
            A ``NewOAuthClientView``.

        Raises:
            ForbiddenError: ``token_restricted`` or ``grant_beyond_own``.
            NotFoundError: ``oauth_client_not_found``.
            ConflictError: ``client_is_public``: it has no secret.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``auth.oauth_client_updated`` v1.
        """
        self._may_administer()
        secret = secrets.token_urlsafe(32)
        client = self.oauth_clients.change(
            oauth_client_id,
            partial(self._changed, hash_of(secret)),
            events.oauth_client_updated,
            expected_version=expected_version,
        )
        client = self._with_hash(client, secret)
        view: dict[str, Any] = NewOAuthClientView().dump(_with_secret(client, secret))
        always = {name: view[name] for name in NewOAuthClientView.always}
        return self.oauth_clients.told(client, view) | always

    def _may_administer(self) -> None:
        caller = self.context.identified_caller
        caller.require("oauth-clients:write")
        caller.require_presence()

    def _registered(self, data: dict[str, Any]) -> tuple[OAuthClient, str | None]:
        caller = self.context.identified_caller
        client = new_oauth_client(
            self.operation.new_id("oauth_client"),
            data,
            caller.principal_id,
            self.context.now(),
        )
        self._check(client)
        before = self.oauth_clients.find(client.id)
        if before is None and self.oauth_clients.is_full():
            raise ConflictError(
                "too_many_clients", "There are as many as there may be."
            )
        secret = None if client.is_public else secrets.token_urlsafe(32)
        if secret is not None:
            client = replace(client, secret_hash=hash_of(secret))
        stored = self.oauth_clients.add(client, events.oauth_client_created(client))
        return (stored if secret is None else self._with_hash(stored, secret)), secret

    def _with_hash(self, client: OAuthClient, secret: str) -> OAuthClient:
        """The application with the secret that is about to be shown.

        What an earlier attempt at this operation gave it is known to nobody.
        """
        if client.secret_hash == hash_of(secret):
            return client
        with self.context.as_step(f"secret {new_id()}"):
            return self.oauth_clients.change(
                client.id,
                partial(self._changed, hash_of(secret)),
                events.oauth_client_updated,
            )

    def _changed(self, secret_hash: str, client: OAuthClient) -> OAuthClient:
        if client.is_public:
            raise ConflictError("client_is_public", "This one has no secret.")
        self._check_own_rights(client)
        return client.changed({"secret_hash": secret_hash}, self.context.now())

    def _check(self, client: OAuthClient) -> None:
        """Refuse what contradicts itself, and what is more than the caller has."""
        try:
            refuse_contradictions(asdict(client))
        except ValidationError as error:
            raise invalid_input(
                {"field": error.field_name, "code": "invalid", "message": message}
                for message in error.messages
            ) from None
        self._check_own_rights(client)

    def _check_own_rights(self, client: OAuthClient) -> None:
        """Refuse if whoever has its secret may do more than the caller."""
        if "client_credentials" in client.grant_types:
            self.check_held(Rights(own_grants(client.scope)))

    def _end_sessions(self, client_id: str) -> None:
        now = self.context.now()
        for session in self.sessions.live_of_client(client_id, now, _MOST_SESSIONS):
            self.end_session(session.id, "client_changed")


def own_grants(scope: tuple[str, ...]) -> dict[str, Reach]:
    """What an application may do for itself with a scope."""
    return {name: "all" for name in scope if name.partition(":")[0] in PERMISSIONS}


def _with_secret(client: OAuthClient, secret: str | None) -> dict[str, Any]:
    return {**asdict(client), "client_id": client.id, "client_secret": secret}
