"""RPCs behind the sign-in and consent pages (RFC 6749 §4.1, OpenID Connect)."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from chassis import inject
from chassis.errors import UnauthenticatedError, bad_request
from chassis.ids import new_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from svc_auth.domain.oauth import (
    BROWSER_LOGIN_LIFE,
    CODE_LIFE,
    AuthorizationCode,
    BrowserLogin,
    Denial,
    OAuthClient,
    denial_of,
    described,
    is_registered,
    provider,
    with_parameters,
)
from svc_auth.repository.oauth_grants import (
    AuthorizationCodeRepository,
    BrowserLoginRepository,
)
from svc_auth.service.client_authentication import ClientDependencies
from svc_auth.service.proving import Proving

__all__ = ["AuthorizationMethods"]

_MOST_GRANTS: Final = 1_000


class AuthorizationMethods(ClientDependencies, Proving):
    """How an application asks a person to be let in."""

    authorization_codes: AuthorizationCodeRepository = inject(
        Repositories(AuthorizationCodeRepository)
    )
    browser_logins: BrowserLoginRepository = inject(
        Repositories(BrowserLoginRepository)
    )

    @rpc(public=True)
    def begin_authorization(
        self, *, parameters: dict[str, str], browser: str = ""
    ) -> dict[str, Any]:
        """What a browser that an application sent here has to do next.

        Whoever has let the application do at least as much before, called back
        at the same redirect URI, and has not ended that since, is not asked
        again, unless ``prompt`` is ``consent``.

        Args:
            parameters: An ``AuthorizationQuery``.
            browser: What the browser's cookie holds.

        Returns:
            ``{"step": "return", "location": …}``, ``{"step": "sign_in", …}``,
            ``{"step": "consent", …}`` or ``{"step": "stranger", …}`` (signed
            in, but no member), the latter three with what the page shows.

        Raises:
            InvalidInputError: 400 ``unknown_client`` or
                ``redirect_uri_mismatch``: nobody may be sent back there.
        """
        client, uri = self._asking(parameters)
        denial = denial_of(parameters, client)
        if denial is not None:
            return self._back(uri, parameters, denial)
        login = self.browser_login(parameters, browser)
        if login is not None and self._has_consented(client, uri, parameters, login):
            return self._let_in(client, uri, parameters, login)
        if "none" in parameters.get("prompt", "").split():
            missing = "login_required" if login is None else "consent_required"
            return self._back(uri, parameters, Denial(missing, "Ask the person."))
        page = {"client_name": client.name, "return_to": uri}
        if login is None:
            return {"step": "sign_in", **page}
        if self.memberships.find_live(login.person_id) is None:
            return {"step": "stranger", **page}
        scope = described(_scope_of(parameters))
        return {
            "step": "consent",
            **page,
            **self.who_decides(login),
            "scope": scope,
        }

    @rpc(public=True)
    def sign_in_browser(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Let somebody in on our own page, as ``login`` does.

        Args:
            payload: A ``LoginInput``.

        Returns:
            ``{"browser": …, "expires_in": …}``: what the cookie holds, and for
            how many seconds it is good.

        Raises:
            InvalidInputError: ``invalid_input``.
            UnauthenticatedError: ``credentials_invalid``; or, of somebody
                whose password is right, ``otp_required`` or ``otp_invalid``.
            RateLimitedError: ``login_delayed``.
            UnavailableError: ``too_busy``: too many log in at once.

        Emits:
            ``auth.session_started`` v1, or ``auth.login_failed`` v1.
        """
        proof = self.prove(payload)
        membership, session = proof.membership, self.open_session(proof)
        now = self.context.now()
        browser = secrets.token_urlsafe(32)
        login = BrowserLogin(
            person_id=membership.person_id,
            org_id=membership.org_id,
            session_id=session.id,
            authenticated_at=now,
            expires_at=now + BROWSER_LOGIN_LIFE,
            methods=proof.methods,
        )
        self.browser_logins.add(browser, login)
        return {
            "browser": browser,
            "expires_in": int(BROWSER_LOGIN_LIFE.total_seconds()),
        }

    @rpc(public=True)
    def decide_authorization(
        self, *, parameters: dict[str, str], browser: str, is_allowed: bool
    ) -> dict[str, Any]:
        """Carry a person's decision back to the application.

        Args:
            parameters: The authorization request, as it was shown.
            browser: What the browser's cookie holds.
            is_allowed: Whether the application is let in.

        Returns:
            ``{"location": …}``: where to send the browser.

        Raises:
            InvalidInputError: 400 ``unknown_client`` or
                ``redirect_uri_mismatch``.
            UnauthenticatedError: ``sign_in_expired``: sign in again.
        """
        client, uri = self._asking(parameters)
        denial = denial_of(parameters, client)
        if denial is None and not is_allowed:
            denial = Denial("access_denied", "The person has refused.")
        if denial is not None:
            return self._back(uri, parameters, denial)
        login = self.browser_login({}, browser)
        if login is None or self.memberships.find_live(login.person_id) is None:
            raise UnauthenticatedError("sign_in_expired", "Sign in again.")
        return self._let_in(client, uri, parameters, login)

    @rpc(public=True)
    def get_provider(self) -> dict[str, Any]:
        """What this provider can do, and where (RFC 8414, OpenID Discovery).

        Returns:
            A ``ProviderView``: the metadata that both standards share.
        """
        return provider(self.keyring.issuer_url)

    def who_decides(self, login: BrowserLogin) -> dict[str, str]:
        """Who has signed in, and to what, as a page shows it."""
        person = self.member(login.person_id)
        org = self.orgs.find(self.context.org_id or "")
        return {
            "person": person.name,
            "email": person.email,
            "org": "" if org is None else org.name,
        }

    def _asking(self, parameters: dict[str, str]) -> tuple[OAuthClient, str]:
        """Who asks, and where the answer goes; both beyond doubt."""
        client = self.known_client(parameters.get("client_id", ""))
        if client is None:
            raise bad_request("unknown_client", "There is no such application.")
        uri = parameters.get("redirect_uri", "")
        if not is_registered(uri, client.redirect_uris):
            raise bad_request(
                "redirect_uri_mismatch",
                "redirect_uri is not one that the application has registered.",
            )
        return client, uri

    def browser_login(
        self, parameters: dict[str, str], browser: str
    ) -> BrowserLogin | None:
        """The browser's sign-in, if it is still good and new enough."""
        if {"login", "select_account"} & set(parameters.get("prompt", "").split()):
            return None
        login = self.browser_logins.find(browser) if browser else None
        if login is None or not self._is_good(login, parameters.get("max_age")):
            return None
        return login

    def _is_good(self, login: BrowserLogin, max_age: str | None) -> bool:
        now = self.context.now()
        age = now - login.authenticated_at
        if now >= login.expires_at or (
            max_age is not None and age > timedelta(seconds=int(max_age))
        ):
            return False
        # The login may have been to another organization of the person's.
        with self.context.in_org(login.org_id):
            session = self.sessions.find(login.session_id)
        return session is not None and session.is_live(now)

    def _has_consented(
        self,
        client: OAuthClient,
        uri: str,
        parameters: dict[str, str],
        login: BrowserLogin,
    ) -> bool:
        """Whether the person has let this application do all that already.

        What they allowed lives as long as the sessions that came of it, and is
        for where these were called back: whoever may change the application
        could have themselves called back elsewhere in its name. A program
        without a secret that is called back on somebody's machine may be any
        other there: for it they are asked each time (RFC 8252 §8.6).
        """
        is_anybody = client.is_public and not uri.startswith("https:")
        if is_anybody or "consent" in parameters.get("prompt", "").split():
            return False
        if self.memberships.find_live(login.person_id) is None:
            return False
        now = self.context.now()
        granted = self.sessions.live_of(login.person_id, ("oauth",), now, _MOST_GRANTS)
        allowed = {
            name
            for session in granted
            if session.client_id == client.id
            if session.redirect_uri and is_registered(uri, [session.redirect_uri])
            for name in session.scope or ()
        }
        return set(_scope_of(parameters)) <= allowed

    def _let_in(
        self,
        client: OAuthClient,
        uri: str,
        parameters: dict[str, str],
        login: BrowserLogin,
    ) -> dict[str, Any]:
        code = secrets.token_urlsafe(32)
        self.authorization_codes.add(
            code, self._authorization(client, uri, parameters, login)
        )
        return self._back(uri, parameters, code)

    def _authorization(
        self,
        client: OAuthClient,
        uri: str,
        parameters: dict[str, str],
        login: BrowserLogin,
    ) -> AuthorizationCode:
        expires_at: datetime = self.context.now() + CODE_LIFE
        return AuthorizationCode(
            client_id=client.id,
            org_id=self.context.org_id or "",
            person_id=login.person_id,
            redirect_uri=uri,
            scope=_scope_of(parameters),
            challenge=parameters["code_challenge"],
            nonce=parameters.get("nonce"),
            authenticated_at=login.authenticated_at,
            session_id=new_id(),
            expires_at=expires_at,
            login_id=login.session_id,
            login_org_id=login.org_id,
            methods=login.methods,
            is_level_asked="acr_values" in parameters,
        )

    def _back(
        self, uri: str, parameters: dict[str, str], answer: Denial | str
    ) -> dict[str, Any]:
        """Send the browser back, with who answers (RFC 9207)."""
        said: dict[str, str | None] = (
            {"code": answer}
            if isinstance(answer, str)
            else {"error": answer.error, "error_description": answer.description}
        )
        told = {
            **said,
            "state": parameters.get("state"),
            "iss": self.keyring.issuer_url,
        }
        return {"step": "return", "location": with_parameters(uri, told)}


def _scope_of(parameters: dict[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parameters.get("scope", "openid").split()))
