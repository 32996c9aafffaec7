"""Routes of svc_auth: service accounts and their keys."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import body
from gateway_flask.responses import answer, created, no_content

__all__ = ["service_accounts"]

service_accounts = Blueprint("service_accounts", __name__)


@service_accounts.post("/v1/service-accounts")
@requires("users:write")
def create_service_account() -> Response:
    """See ``AuthService.create_service_account``."""
    made = call("auth", "create_service_account", payload=body())
    return created(made, location=f"/v1/users/{made['id']}")


@service_accounts.post("/v1/service-accounts/<id:service_account_id>/keys")
@requires("users:write")
def create_service_key(service_account_id: str) -> Response:
    """See ``AuthService.create_service_key``."""
    return created(
        call(
            "auth",
            "create_service_key",
            service_account_id=service_account_id,
            payload=body(),
        ),
        location=f"/v1/service-accounts/{service_account_id}/keys",
    )


@service_accounts.get("/v1/service-accounts/<id:service_account_id>/keys")
@requires("users:read")
def list_service_keys(service_account_id: str) -> Response:
    """See ``AuthService.list_service_keys``."""
    return answer(
        call("auth", "list_service_keys", service_account_id=service_account_id)
    )


@service_accounts.delete(
    "/v1/service-accounts/<id:service_account_id>/keys/<id:key_id>"
)
@requires("users:write")
def revoke_service_key(service_account_id: str, key_id: str) -> Response:
    """See ``AuthService.revoke_service_key``."""
    return no_content(
        call(
            "auth",
            "revoke_service_key",
            service_account_id=service_account_id,
            key_id=key_id,
        )
    )
