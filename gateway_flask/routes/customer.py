"""Routes of svc_customer: its records, and the fields that they have."""

from flask import Blueprint, Response

from gateway_flask.auth import requires, signed_in
from gateway_flask.bus import call
from gateway_flask.inputs import query, reads_query
from gateway_flask.resources import add_resource
from gateway_flask.responses import answer

__all__ = ["customer"]

customer = Blueprint("customer", __name__)

for _noun in ("account", "contact", "interaction"):
    add_resource(
        customer, "customer", _noun, f"{_noun}s", has_past=True, has_revert=True
    )
add_resource(
    customer,
    "customer",
    "custom_field",
    "custom-fields",
    has_batch=False,
    has_past=True,
)


@customer.get("/v1/accounts/<id:account_id>/hierarchy")
@requires("accounts:read")
def get_account_hierarchy(account_id: str) -> Response:
    """See ``CustomerService.get_account_hierarchy``."""
    return answer(call("customer", "get_account_hierarchy", account_id=account_id))


@customer.get("/v1/tags")
@signed_in
@reads_query
def list_tags() -> Response:
    """See ``CustomerService.list_tags``."""
    return answer(call("customer", "list_tags", query=query()))
