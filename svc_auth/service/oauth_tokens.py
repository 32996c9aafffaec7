"""RPCs behind the token endpoints of OAuth 2.0 and OpenID Connect."""

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from chassis import inject
from chassis.auth import Caller, verify
from chassis.errors import (
    UnauthenticatedError,
    bad_request,
)
from chassis.ids import new_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from svc_auth import events
from svc_auth.clients.oauth import challenge_of, half_hash
from svc_auth.domain.oauth import (
    DEVICE_GRANT,
    ID_TOKEN_LIFE,
    ONLINE_LIFE,
    AuthorizationCode,
    OAuthClient,
    level_of,
)
from svc_auth.domain.sessions import (
    ACCESS_TOKEN_LIFE,
    SESSION_LIFE,
    RefreshToken,
    Session,
)
from svc_auth.repository.oauth_grants import AuthorizationCodeRepository
from svc_auth.service.client_authentication import invalid_grant
from svc_auth.service.oauth_clients import own_grants
from svc_auth.service.oauth_devices import DeviceGrants

__all__ = ["TokenMethods"]

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_INACTIVE: Final[Mapping[str, Any]] = {"active": False}


class TokenMethods(DeviceGrants):
    """What applications exchange for tokens, and what can be done with those."""

    authorization_codes: AuthorizationCodeRepository = inject(
        Repositories(AuthorizationCodeRepository)
    )

    @rpc(public=True)
    def exchange_grant(
        self, *, form: dict[str, str], authorization: str = ""
    ) -> dict[str, Any]:
        """Give an application tokens for what it presents (RFC 6749 §3.2).

        A code or refresh token is spent by that, whether it was right or not;
        if it comes twice, what was issued for it is ended (RFC 9700 §4.5,
        §4.14.2). A refresh that asks for more than was granted spends nothing.

        Args:
            form: A ``TokenRequestInput``.
            authorization: Its ``Authorization`` header.

        Returns:
            An ``OAuthTokensView``.

        Raises:
            InvalidInputError: 400 ``invalid_request``, ``invalid_grant``,
                ``invalid_scope``, ``unauthorized_client`` or
                ``unsupported_grant_type``; of a device ``authorization_pending``,
                ``slow_down``, ``expired_token`` or ``access_denied``.
            UnauthenticatedError: ``invalid_client``.
            RateLimitedError: ``rate_limited``.

        Emits:
            ``auth.session_started`` v1, unless it is refreshed;
            ``auth.session_revoked`` v1, if something came twice.
        """
        client = self.authenticated_client(form, authorization)
        grant = form.get("grant_type", "")
        exchanges = {
            "authorization_code": self._exchange_code,
            "refresh_token": self._refresh,
            "client_credentials": self._let_itself_in,
            DEVICE_GRANT: self._exchange_device_code,
        }
        if not grant:
            raise bad_request("invalid_request", "grant_type is missing.")
        if grant not in exchanges:
            raise bad_request("unsupported_grant_type", "There is no such grant_type.")
        if grant not in client.grant_types:
            raise bad_request(
                "unauthorized_client", "Not a grant_type of this application."
            )
        return exchanges[grant](client, form)

    @rpc(public=True)
    def revoke_grant(self, *, form: dict[str, str], authorization: str = "") -> None:
        """End what a token belongs to (RFC 7009), all of its tokens included.

        A token that is not known is as good as ended.

        Args:
            form: A ``TokenInput``.
            authorization: Its ``Authorization`` header.

        Raises:
            InvalidInputError: 400 ``invalid_request``, or ``invalid_grant``:
                it is another application's.
            UnauthenticatedError: ``invalid_client``.
            RateLimitedError: ``rate_limited``.

        Emits:
            ``auth.session_revoked`` v1.
        """
        client = self.authenticated_client(form, authorization)
        found = self._session_of(_token(form))
        if found is None:
            return
        session, _ = found
        if session.client_id != client.id:
            raise bad_request("invalid_grant", "This token is another application's.")
        self.end_session(session.id, "revoked")

    @rpc(public=True)
    def introspect_grant(
        self, *, form: dict[str, str], authorization: str = ""
    ) -> dict[str, Any]:
        """What one of the application's own tokens is good for (RFC 7662).

        Args:
            form: A ``TokenInput``.
            authorization: Its ``Authorization`` header.

        Returns:
            An ``IntrospectionView``.

        Raises:
            InvalidInputError: 400 ``invalid_request``.
            UnauthenticatedError: ``invalid_client``, also for an application
                without a secret.
            RateLimitedError: ``rate_limited``.
        """
        client = self.authenticated_client(form, authorization)
        if client.is_public:
            raise UnauthenticatedError("invalid_client", "This needs a secret.")
        found = self._session_of(_token(form))
        if found is None:
            return dict(_INACTIVE)
        session, token = found
        if session.client_id != client.id or not session.is_live(self.context.now()):
            return dict(_INACTIVE)
        return {
            "active": True,
            "client_id": client.id,
            "scope": " ".join(session.scope or ()),
            "sub": session.owner_id,
            "iss": self.keyring.issuer_url,
            **_told(token),
        }

    def _exchange_code(
        self, client: OAuthClient, form: dict[str, str]
    ) -> dict[str, Any]:
        code = form.get("code", "")
        granted = self.authorization_codes.spend(code)
        if granted is None:
            raise invalid_grant()
        self.context.org_id = granted.org_id
        self.context.actor = {"type": "person", "id": granted.person_id}
        if granted.uses:
            self.end_session(granted.session_id, "code_reused")
            raise invalid_grant()
        self._check_code(client, form, granted)
        return self._tokens_for(
            client, granted, lambda: self.authorization_codes.uses(code) > 1
        )

    def _exchange_device_code(
        self, client: OAuthClient, form: dict[str, str]
    ) -> dict[str, Any]:
        code = form.get("device_code", "")
        granted = self.granted_to_device(client, code)
        return self._tokens_for(
            client, granted, lambda: self.device_requests.comes_again(code)
        )

    def _tokens_for(
        self,
        client: OAuthClient,
        granted: AuthorizationCode,
        comes_again: Callable[[], bool],
    ) -> dict[str, Any]:
        """Tokens for what a person has allowed, if that still holds."""
        membership = self.memberships.find_live(granted.person_id)
        if membership is None:
            raise invalid_grant()
        session = self._begin(client, granted)
        if not session.is_live(self.context.now()):
            # It was begun by this request before, and has been ended since.
            raise invalid_grant()
        if comes_again():
            # It came again before there was a session that could be ended.
            self.end_session(session.id, "code_reused")
            raise invalid_grant()
        if not self._is_permitted(client, granted.scope):
            self.end_session(session.id, "client_changed")
            raise invalid_grant()
        if not self._is_signed_in(granted):
            self.end_session(session.id, "credentials_changed")
            raise invalid_grant()
        tokens = self.issue_tokens(
            session,
            membership,
            is_refreshable="refresh_token" in client.grant_types,
        )
        return self._with_identity(tokens, session, granted)

    def _is_permitted(self, client: OAuthClient, scope: tuple[str, ...]) -> bool:
        """Whether the application may still do all that a person has let it do.

        Looked at once there is a session: whoever changed the application a
        moment ago has not seen it among those to be ended.
        """
        now = self.oauth_clients.find(client.id)
        if now is None or now.archived_at is not None or now.may_less_than(client):
            return False
        return set(scope) <= set(now.scope)

    def _is_signed_in(self, granted: AuthorizationCode) -> bool:
        """Whether the session in which the person decided has not been ended."""
        with self.context.in_org(granted.login_org_id):
            login = self.sessions.find(granted.login_id)
        return login is not None and login.is_live(self.context.now())

    def _check_code(
        self, client: OAuthClient, form: dict[str, str], granted: AuthorizationCode
    ) -> None:
        """Refuse a code that another asked for, or that is too old."""
        verifier = form.get("code_verifier", "")
        is_right = _VERIFIER.fullmatch(verifier) is not None and hmac.compare_digest(
            challenge_of(verifier), granted.challenge
        )
        if (
            not is_right
            or granted.client_id != client.id
            or granted.redirect_uri != form.get("redirect_uri")
            or granted.expires_at <= self.context.now()
        ):
            raise invalid_grant()

    def _begin(self, client: OAuthClient, granted: AuthorizationCode) -> Session:
        now = self.context.now()
        life = SESSION_LIFE if "offline_access" in granted.scope else ONLINE_LIFE
        session = Session(
            id=granted.session_id,
            owner_id=granted.person_id,
            kind="oauth",
            name=client.name,
            client_id=client.id,
            scope=granted.scope,
            redirect_uri=granted.redirect_uri or None,
            created_at=now,
            updated_at=now,
            expires_at=now + life,
        )
        stored = self.sessions.add(session, events.session_started(session))
        self.make_room(stored)
        return stored

    def _with_identity(
        self, tokens: dict[str, Any], session: Session, granted: AuthorizationCode
    ) -> dict[str, Any]:
        answer = {**tokens, "scope": " ".join(granted.scope)}
        if "openid" not in granted.scope:
            return answer
        now = int(self.context.now().timestamp())
        claims = {
            "sub": granted.person_id,
            "aud": session.client_id,
            "iat": now,
            "exp": now + int(ID_TOKEN_LIFE.total_seconds()),
            "auth_time": int(granted.authenticated_at.timestamp()),
            "amr": list(granted.methods),
            "at_hash": half_hash(tokens["access_token"]),
        }
        if granted.is_level_asked:
            claims["acr"] = level_of(granted.methods)
        if granted.nonce is not None:
            claims["nonce"] = granted.nonce
        return {**answer, "id_token": self.keyring.sign_id_token(claims)}

    def _refresh(self, client: OAuthClient, form: dict[str, str]) -> dict[str, Any]:
        self._refuse_wider(client, form)
        now = self.context.now()
        token = self.refresh_tokens.spend(form.get("refresh_token", ""))
        if token is None or token.expires_at <= now:
            raise invalid_grant()
        self.context.org_id = token.org_id
        self.context.actor = {"type": "person", "id": token.person_id}
        session = self.sessions.find(token.session_id)
        if session is None or session.client_id != client.id:
            raise invalid_grant()
        if token.is_spent:
            self.end_session(session.id, "refresh_token_reused")
            raise invalid_grant()
        membership, held = self.memberships.find_live(token.person_id), session.scope
        is_beyond = not set(held or ()) <= set(client.scope)
        if membership is None or is_beyond or not session.is_live(now):
            raise invalid_grant()
        self.sessions.note_use(session.id, now)
        return {**self.issue_tokens(session, membership), "scope": " ".join(held or ())}

    def _refuse_wider(self, client: OAuthClient, form: dict[str, str]) -> None:
        """Refuse what goes beyond the grant, before its token is spent by a slip."""
        wanted = set(form.get("scope", "").split())
        given = form.get("refresh_token", "") if wanted else ""
        token = self.refresh_tokens.find(given) if given else None
        if token is None or token.is_spent:
            return
        with self.context.in_org(token.org_id):
            session = self.sessions.find(token.session_id)
        is_own = session is not None and session.client_id == client.id
        if session is not None and is_own and not wanted <= set(session.scope or ()):
            raise bad_request(
                "invalid_scope", "The scope goes beyond what was granted."
            )

    def _let_itself_in(
        self, client: OAuthClient, form: dict[str, str]
    ) -> dict[str, Any]:
        """A token with which an application acts for itself (RFC 6749 §4.4)."""
        wanted = tuple(dict.fromkeys(form.get("scope", "").split()))
        scope = wanted or tuple(own_grants(client.scope))
        if not set(scope) <= own_grants(client.scope).keys():
            raise bad_request(
                "invalid_scope", "The scope goes beyond what is registered."
            )
        now = self.context.now()
        self.context.actor = {"type": "client", "id": f"client:{client.id}"}
        session = Session(
            id=new_id(),
            owner_id=f"client:{client.id}",
            kind="client",
            name=client.name,
            client_id=client.id,
            scope=scope,
            created_at=now,
            updated_at=now,
            expires_at=now + ACCESS_TOKEN_LIFE,
        )
        self.sessions.add(session, events.session_started(session))
        org = self.orgs.find(self.context.org_id or "")
        life_s = int(ACCESS_TOKEN_LIFE.total_seconds())
        access_token = self.keyring.signer().sign(
            subject=session.owner_id,
            org_id=self.context.org_id or "",
            session_id=session.id,
            grants=own_grants(scope),
            kind=session.kind,
            client_id=client.id,
            scope=" ".join(scope),
            currency=None if org is None else org.currency,
            time_zone=None if org is None else org.time_zone,
            first_weekday=None if org is None else org.first_weekday,
            lifetime_s=life_s,
        )
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": life_s,
            "scope": " ".join(scope),
        }

    def _session_of(self, token: str) -> tuple[Session, RefreshToken | Caller] | None:
        """The session that a live refresh or access token belongs to."""
        found: RefreshToken | Caller | None = self.refresh_tokens.find(token)
        if isinstance(found, RefreshToken):
            is_over = found.is_spent or found.expires_at <= self.context.now()
            found = None if is_over else found
        else:
            found = self._caller_of(token)
        if found is None or found.session_id is None:
            return None
        asking, self.context.org_id = self.context.org_id, found.org_id
        session = self.sessions.find(found.session_id)
        if session is None or not session.client_id:
            self.context.org_id = asking
            return None
        return session, found

    def _caller_of(self, token: str) -> Caller | None:
        try:
            return verify(token, self.keyring.verifier())
        except UnauthenticatedError:
            return None


def _told(token: RefreshToken | Caller) -> dict[str, Any]:
    """What introspection tells of the token itself."""
    if isinstance(token, RefreshToken):
        return {
            "exp": int(token.expires_at.timestamp()),
            "token_type": "refresh_token",
        }
    return {"exp": int(token.expires_at), "token_type": "Bearer", "jti": token.token_id}


def _token(form: dict[str, str]) -> str:
    token = form.get("token", "")
    if not token:
        raise bad_request("invalid_request", "token is missing.")
    return token
