"""RPCs of devices that have no browser of their own (RFC 8628)."""

import secrets
from datetime import datetime
from typing import Any, Final

from chassis import inject
from chassis.errors import (
    InvalidInputError,
    RateLimitedError,
    UnauthenticatedError,
    bad_request,
)
from chassis.ids import new_id
from chassis.mongo import Repositories
from chassis.rpc import rpc
from svc_auth.domain.devices import (
    DEVICE_LIFE,
    INTERVAL_S,
    MOST_OPEN,
    DeviceRequest,
    DeviceStatus,
    new_user_code,
    read_user_code,
    spelled,
)
from svc_auth.domain.hashes import hash_of
from svc_auth.domain.oauth import (
    DEVICE_GRANT,
    AuthorizationCode,
    OAuthClient,
    described,
)
from svc_auth.repository.oauth_devices import DeviceRequestRepository
from svc_auth.service.client_authentication import ClientDependencies, invalid_grant
from svc_auth.service.oauth_authorization import AuthorizationMethods

__all__ = ["DeviceGrants", "DeviceMethods"]

_ATTEMPTS: Final = 5


class DeviceGrants(ClientDependencies):
    """What a device has been let do, once it asks."""

    device_requests: DeviceRequestRepository = inject(
        Repositories(DeviceRequestRepository)
    )

    def granted_to_device(self, client: OAuthClient, code: str) -> AuthorizationCode:
        """What a person has allowed; it is spent by that.

        Raises:
            InvalidInputError: 400 ``invalid_grant``, ``authorization_pending``,
                ``slow_down``, ``expired_token`` or ``access_denied``.
        """
        now = self.context.now()
        request = self.device_requests.ask(code, now)
        if request is None or request.client_id != client.id:
            raise invalid_grant()
        if refusal := self._refusal_of(request, code, now):
            raise refusal
        granted = request.granted()
        self.context.actor = {"type": "person", "id": granted.person_id}
        if not self.device_requests.spend(code):
            self.end_session(granted.session_id, "code_reused")
            raise invalid_grant()
        return granted

    def _refusal_of(
        self, request: DeviceRequest, code: str, now: datetime
    ) -> InvalidInputError | None:
        """Why a device is given nothing yet, or never (RFC 8628 §3.5)."""
        if request.status == "denied":
            return bad_request("access_denied", "The person has refused.")
        if request.status == "spent":
            return None
        if now >= request.expires_at:
            return bad_request("expired_token", "It is too late: begin anew.")
        if request.status == "allowed":
            return None
        if request.is_hasty(now):
            self.device_requests.slow_down(code, INTERVAL_S)
            return bad_request("slow_down", "Wait five seconds longer each time.")
        return bad_request("authorization_pending", "Nobody has decided yet.")


class DeviceMethods(DeviceGrants, AuthorizationMethods):
    """How a device asks a person to be let in, who answers elsewhere."""

    @rpc(public=True)
    def begin_device_authorization(
        self, *, form: dict[str, str], authorization: str = ""
    ) -> dict[str, Any]:
        """Give a device a code to ask with, and one for a person to type.

        Both are good for ten minutes, and for one decision.

        Args:
            form: A ``DeviceRequestInput``.
            authorization: Its ``Authorization`` header.

        Returns:
            A ``DeviceAuthorizationView``.

        Raises:
            InvalidInputError: 400 ``invalid_request``, ``invalid_scope`` or
                ``unauthorized_client``.
            UnauthenticatedError: ``invalid_client``.
            RateLimitedError: ``rate_limited``: too many wrong secrets, or a
                hundred requests of the application from this address wait.
        """
        client = self.authenticated_client(form, authorization)
        if DEVICE_GRANT not in client.grant_types:
            raise bad_request(
                "unauthorized_client", "Not a grant_type of this application."
            )
        scope = tuple(dict.fromkeys(form.get("scope", "openid").split()))
        if not scope or not set(scope) <= set(client.scope):
            raise bad_request(
                "invalid_scope", "The scope goes beyond what is registered."
            )
        device_code, user_code = self._begun(client, scope)
        address = f"{self.keyring.issuer_url.rstrip('/')}/oauth/device"
        return {
            "device_code": device_code,
            "user_code": spelled(user_code),
            "verification_uri": address,
            "verification_uri_complete": f"{address}?user_code={spelled(user_code)}",
            "expires_in": int(DEVICE_LIFE.total_seconds()),
            "interval": INTERVAL_S,
        }

    @rpc(public=True)
    def begin_device_verification(
        self, *, parameters: dict[str, str], browser: str = ""
    ) -> dict[str, Any]:
        """What somebody has to do next who is to let a device in.

        They are asked each time, whatever they have allowed before.

        Args:
            parameters: A ``DeviceQuery``.
            browser: What the browser's cookie holds.

        Returns:
            ``{"step": "sign_in"}``, ``{"step": "device"}`` (the code is to be
            typed), ``{"step": "device_consent", …}`` or ``{"step": "stranger",
            …}`` (signed in, but no member), the latter two with what the page
            shows.

        Raises:
            InvalidInputError: 400 ``user_code_invalid``: there is no such code,
                or not any more.
        """
        login = self.browser_login(parameters, browser)
        if login is None:
            return {"step": "sign_in"}
        if "user_code" not in parameters:
            return {"step": "device"}
        user_code, request, client = self._waiting(parameters["user_code"])
        page = {"client_name": client.name}
        if self.memberships.find_live(login.person_id) is None:
            return {"step": "stranger", **page}
        return {
            "step": "device_consent",
            **page,
            **self.who_decides(login),
            "user_code": spelled(user_code),
            "scope": described(request.scope),
        }

    @rpc(public=True)
    def decide_device(
        self, *, parameters: dict[str, str], browser: str, is_allowed: bool
    ) -> dict[str, Any]:
        """Keep what a person has decided about a device, until it asks.

        Args:
            parameters: A ``DeviceQuery``, as it was shown.
            browser: What the browser's cookie holds.
            is_allowed: Whether the device is let in.

        Returns:
            ``{"client_name": …}``.

        Raises:
            InvalidInputError: 400 ``user_code_invalid``.
            UnauthenticatedError: ``sign_in_expired``: sign in again.
        """
        user_code, _, client = self._waiting(parameters.get("user_code", ""))
        login = self.browser_login({}, browser)
        if login is None or self.memberships.find_live(login.person_id) is None:
            raise UnauthenticatedError("sign_in_expired", "Sign in again.")
        status: DeviceStatus = "allowed" if is_allowed else "denied"
        now = self.context.now()
        if not self.device_requests.decide(user_code, status, login, now):
            raise _invalid_code()
        return {"client_name": client.name}

    def _begun(self, client: OAuthClient, scope: tuple[str, ...]) -> tuple[str, str]:
        now, place = self.context.now(), self.context.origin.place
        asker = hash_of(f"{client.id} {place}")
        if self.device_requests.count_open(asker, now, MOST_OPEN) >= MOST_OPEN:
            raise _too_many()
        request = DeviceRequest(
            client_id=client.id,
            asker=asker,
            org_id=self.context.org_id or "",
            scope=scope,
            session_id=new_id(),
            expires_at=now + DEVICE_LIFE,
        )
        for _ in range(_ATTEMPTS):
            device_code, user_code = secrets.token_urlsafe(32), new_user_code()
            if self.device_requests.add(device_code, user_code, request):
                return device_code, user_code
        raise _too_many()

    def _waiting(self, typed: str) -> tuple[str, DeviceRequest, OAuthClient]:
        """The request that somebody has typed the code of, and whose it is.

        The work is that organization's from here on.
        """
        user_code = read_user_code(typed)
        request = self.device_requests.find(user_code) if user_code else None
        if user_code is None or request is None:
            raise _invalid_code()
        is_own = request.decided_by == self.context.message
        if not is_own and not request.is_open(self.context.now()):
            raise _invalid_code()
        client = self.known_client(request.client_id)
        if client is None or DEVICE_GRANT not in client.grant_types:
            raise _invalid_code()
        return user_code, request, client


def _too_many() -> RateLimitedError:
    return RateLimitedError(
        "rate_limited",
        "Too many devices wait already.",
        f'{{"retry_after_s": {INTERVAL_S}}}',
    )


def _invalid_code() -> InvalidInputError:
    return bad_request(
        "user_code_invalid",
        "This code is not good, or not good any more. See what the device shows.",
        [{"field": "user_code", "code": "user_code_invalid"}],
    )
