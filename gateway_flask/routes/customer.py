"""Routes of svc_customer: accounts, contacts and interactions."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import body, if_match, query
from gateway_flask.responses import answer, created, no_content

__all__ = ["customer"]

customer = Blueprint("customer", __name__)


@customer.post("/v1/accounts")
@requires("accounts:write")
def create_account() -> Response:
    """See ``CustomerService.create_account``."""
    return created(call("customer", "create_account", payload=body()))


@customer.get("/v1/accounts")
@requires("accounts:read")
def list_accounts() -> Response:
    """See ``CustomerService.list_accounts``."""
    return answer(call("customer", "list_accounts", query=query()))


@customer.get("/v1/accounts/<id:account_id>")
@requires("accounts:read")
def get_account(account_id: str) -> Response:
    """See ``CustomerService.get_account``."""
    return answer(call("customer", "get_account", account_id=account_id))


@customer.patch("/v1/accounts/<id:account_id>")
@requires("accounts:write")
def update_account(account_id: str) -> Response:
    """See ``CustomerService.update_account``."""
    return answer(
        call(
            "customer",
            "update_account",
            account_id=account_id,
            payload=body(),
            expected_version=if_match(),
        )
    )


@customer.delete("/v1/accounts/<id:account_id>")
@requires("accounts:write")
def archive_account(account_id: str) -> Response:
    """See ``CustomerService.archive_account``."""
    return no_content(
        call(
            "customer",
            "archive_account",
            account_id=account_id,
            expected_version=if_match(),
        )
    )


@customer.post("/v1/accounts/<id:account_id>/restore")
@requires("accounts:write")
def restore_account(account_id: str) -> Response:
    """See ``CustomerService.restore_account``."""
    return answer(
        call(
            "customer",
            "restore_account",
            account_id=account_id,
            expected_version=if_match(),
        )
    )


@customer.post("/v1/contacts")
@requires("contacts:write")
def create_contact() -> Response:
    """See ``CustomerService.create_contact``."""
    return created(call("customer", "create_contact", payload=body()))


@customer.get("/v1/contacts")
@requires("contacts:read")
def list_contacts() -> Response:
    """See ``CustomerService.list_contacts``."""
    return answer(call("customer", "list_contacts", query=query()))


@customer.get("/v1/contacts/<id:contact_id>")
@requires("contacts:read")
def get_contact(contact_id: str) -> Response:
    """See ``CustomerService.get_contact``."""
    return answer(call("customer", "get_contact", contact_id=contact_id))


@customer.patch("/v1/contacts/<id:contact_id>")
@requires("contacts:write")
def update_contact(contact_id: str) -> Response:
    """See ``CustomerService.update_contact``."""
    return answer(
        call(
            "customer",
            "update_contact",
            contact_id=contact_id,
            payload=body(),
            expected_version=if_match(),
        )
    )


@customer.delete("/v1/contacts/<id:contact_id>")
@requires("contacts:write")
def archive_contact(contact_id: str) -> Response:
    """See ``CustomerService.archive_contact``."""
    return no_content(
        call(
            "customer",
            "archive_contact",
            contact_id=contact_id,
            expected_version=if_match(),
        )
    )


@customer.post("/v1/contacts/<id:contact_id>/restore")
@requires("contacts:write")
def restore_contact(contact_id: str) -> Response:
    """See ``CustomerService.restore_contact``."""
    return answer(
        call(
            "customer",
            "restore_contact",
            contact_id=contact_id,
            expected_version=if_match(),
        )
    )


@customer.post("/v1/interactions")
@requires("interactions:write")
def create_interaction() -> Response:
    """See ``CustomerService.create_interaction``."""
    return created(call("customer", "create_interaction", payload=body()))


@customer.get("/v1/interactions")
@requires("interactions:read")
def list_interactions() -> Response:
    """See ``CustomerService.list_interactions``."""
    return answer(call("customer", "list_interactions", query=query()))


@customer.get("/v1/interactions/<id:interaction_id>")
@requires("interactions:read")
def get_interaction(interaction_id: str) -> Response:
    """See ``CustomerService.get_interaction``."""
    return answer(call("customer", "get_interaction", interaction_id=interaction_id))
