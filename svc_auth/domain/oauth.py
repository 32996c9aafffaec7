"""Applications that act for people (OAuth 2.0), and what they may ask for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import SplitResult, urlencode, urlsplit

from svc_auth.domain.records import ChangingRecord
from svc_auth.domain.roles import PERMISSIONS
from svc_auth.domain.sessions import PASSWORD

__all__ = [
    "BROWSER_LOGIN_LIFE",
    "CODE_LIFE",
    "DEVICE_GRANT",
    "GRANT_TYPES",
    "ID_TOKEN_LIFE",
    "ONLINE_LIFE",
    "REMEMBERED_CODE_LIFE",
    "SCOPES",
    "AuthorizationCode",
    "BrowserLogin",
    "Denial",
    "OAuthClient",
    "denial_of",
    "described",
    "is_redirect_uri",
    "is_registered",
    "level_of",
    "new_oauth_client",
    "provider",
    "with_parameters",
]

CODE_LIFE: Final = timedelta(seconds=60)
# For as long it is noticed that a code comes twice.
REMEMBERED_CODE_LIFE: Final = timedelta(days=1)
ID_TOKEN_LIFE: Final = timedelta(minutes=15)
# Of a grant without offline_access.
ONLINE_LIFE: Final = timedelta(days=1)
BROWSER_LOGIN_LIFE: Final = timedelta(hours=12)
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    DEVICE_GRANT,
)
_IDENTITY: Final[Mapping[str, str]] = {
    "openid": "know who you are",
    "profile": "see your name",
    "email": "see your e-mail address",
    "offline_access": "stay connected while you are away",
}
# Whoever changes these makes or widens rights, which no application may.
_ADMINISTRATION: Final = frozenset(
    {"oauth-clients", "org", "roles", "service-accounts", "teams", "users"}
)
SCOPES: Final[Mapping[str, str]] = {
    **_IDENTITY,
    **{
        f"{resource}:{action}": f"{resource}: {meaning}"
        for resource, actions in PERMISSIONS.items()
        for action, meaning in actions.items()
        if action == "read" or resource not in _ADMINISTRATION
    },
}
# Without and with a second factor.
LEVELS: Final = ("urn:rapport:acr:password", "urn:rapport:acr:mfa")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_MAX_URI: Final = 2_000
_URI: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()+,;=%-]+")
_PLACE: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS: Final = re.compile(r"\d{1,9}", re.ASCII)
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})


@dataclass(frozen=True, kw_only=True)
class OAuthClient(ChangingRecord):
    """An application that an organization knows.

    Attributes:
        scope: The most that it may ask for.
        token_endpoint_auth_method: ``none`` for one that cannot keep a secret.
        secret_hash: Of its secret, if it has one.
    """

    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scope: tuple[str, ...]
    token_endpoint_auth_method: str
    secret_hash: str | None = None
    owner_id: str | None

    @property
    def client_id(self) -> str:
        """What the standards call its id."""
        return self.id

    @property
    def is_public(self) -> bool:
        """Whether it has no secret."""
        return self.token_endpoint_auth_method == "none"  # noqa: S105

    def may_less_than(self, other: "OAuthClient") -> bool:
        """Whether it has lost some of what the other may."""
        lost = set(other.scope) - set(self.scope)
        return bool(lost or set(other.grant_types) - set(self.grant_types))

    def archived(self, now: datetime) -> Self:
        """The application, put away: it is let in no more."""
        return replace(super().archived(now), secret_hash=None)


def new_oauth_client(
    client_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> OAuthClient:
    """An application as it is first stored."""
    return OAuthClient(
        id=client_id, owner_id=owner_id, created_at=now, updated_at=now, **data
    )


@dataclass(frozen=True, kw_only=True)
class AuthorizationCode:
    """What a person has let an application do, until it fetches its tokens.

    Attributes:
        redirect_uri: Where the code was sent.
        challenge: The hash of what only who asked for the code knows (RFC 7636).
        authenticated_at: When the person proved who they are.
        session_id: Of the session in which the tokens will be.
        login_id: Of the session in which the person decided.
        login_org_id: Where that one is.
        uses: How often it has been presented before.
        methods: By what they proved it (RFC 8176 §2).
        is_level_asked: Whether the ID token says how much that is worth (``acr``).
    """

    client_id: str
    org_id: str
    person_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    challenge: str
    nonce: str | None
    authenticated_at: datetime
    session_id: str
    expires_at: datetime
    login_id: str = ""
    login_org_id: str = ""
    uses: int = 0
    methods: tuple[str, ...] = PASSWORD
    is_level_asked: bool = False


@dataclass(frozen=True, kw_only=True)
class BrowserLogin:
    """Somebody who has signed in on our own page, in one browser.

    Attributes:
        org_id: Whose the session is; the person may belong to others, too.
        session_id: The login, which may be revoked.
        methods: By what they proved who they are (RFC 8176 §2).
    """

    person_id: str
    org_id: str
    session_id: str
    authenticated_at: datetime
    expires_at: datetime
    methods: tuple[str, ...] = PASSWORD


@dataclass(frozen=True)
class Denial:
    """Why an application is sent back without a code (RFC 6749 §4.1.2.1)."""

    error: str
    description: str


def level_of(methods: Iterable[str]) -> str:
    """How much a proof is worth, as ID tokens say it (``acr``)."""
    return LEVELS["mfa" in methods]


def described(scope: Iterable[str]) -> list[dict[str, str]]:
    """What a person is told of a scope."""
    return [{"scope": name, "description": SCOPES[name]} for name in scope]


def is_redirect_uri(uri: str) -> bool:
    """Whether an application may be sent back there.

    By https, or by http to this very machine (RFC 8252 §7.3); without
    wildcard, fragment or password.
    """
    if len(uri) > _MAX_URI or not _URI.fullmatch(uri) or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or not _PLACE.fullmatch(parts.netloc):
        return False
    return parts.scheme == "https" or _is_loopback(parts)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether a redirect URI is one of those registered, character by character.

    On this very machine any port will do, as programs take the one that is free.
    """
    if not is_redirect_uri(uri):
        return False
    given = urlsplit(uri)
    for known in registered:
        if uri == known:
            return True
        parts = urlsplit(known)
        if _is_loopback(parts) and _without_port(parts) == _without_port(given):
            return True
    return False


def _without_port(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.hostname or "")


def with_parameters(uri: str, parameters: Mapping[str, str | None]) -> str:
    """The URI with further query parameters; those that are None are left out."""
    given = {name: text for name, text in parameters.items() if text is not None}
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(given)}"


def denial_of(parameters: Mapping[str, str], client: OAuthClient) -> Denial | None:
    """What is wrong with a request for authorization, if anything is.

    Whose it is and where the answer goes must be certain before.
    """
    asked = parameters.get("response_type")
    prompts = set(parameters.get("prompt", "").split())
    scope = parameters.get("scope", "openid").split()
    wrong = "invalid_request"
    checks = (
        ("request" in parameters, "request_not_supported", "Send plain parameters."),
        (
            "request_uri" in parameters,
            "request_uri_not_supported",
            "Send plain parameters.",
        ),
        (asked is None, wrong, "response_type is missing."),
        (asked != "code", "unsupported_response_type", "Only code is supported."),
        (
            "authorization_code" not in client.grant_types,
            "unauthorized_client",
            "This application may not use the grant authorization_code.",
        ),
        (
            parameters.get("response_mode", "query") != "query",
            wrong,
            "The only response_mode is query.",
        ),
        (
            not _CHALLENGE.fullmatch(parameters.get("code_challenge", "")),
            wrong,
            "code_challenge (PKCE, RFC 7636) is missing or malformed.",
        ),
        (
            parameters.get("code_challenge_method") != "S256",
            wrong,
            "The only code_challenge_method is S256.",
        ),
        (
            not scope or not set(scope) <= set(client.scope),
            "invalid_scope",
            "The scope goes beyond what this application is registered for.",
        ),
        (not prompts <= _PROMPTS, wrong, "There is no such prompt."),
        (
            "none" in prompts and len(prompts) > 1,
            wrong,
            "The prompt none goes with no other.",
        ),
        (
            not _SECONDS.fullmatch(parameters.get("max_age", "0")),
            wrong,
            "max_age is a number of seconds.",
        ),
    )
    return next((Denial(error, why) for is_so, error, why in checks if is_so), None)


def provider(issuer: str) -> dict[str, Any]:
    """What this provider says of itself (RFC 8414 §2, OpenID Discovery §3)."""
    base = issuer.rstrip("/")
    secret_methods = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "device_authorization_endpoint": f"{base}/oauth/device_authorization",
        "userinfo_endpoint": f"{base}/oauth/userinfo",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "registration_endpoint": f"{base}/oauth/register",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*secret_methods, "none"],
        "revocation_endpoint_auth_methods_supported": [*secret_methods, "none"],
        "introspection_endpoint_auth_methods_supported": secret_methods,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            *("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash"),
            *("amr", "acr", "name", "email", "email_verified"),
        ],
        "acr_values_supported": list(LEVELS),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "service_documentation": f"{base}/docs",
    }
