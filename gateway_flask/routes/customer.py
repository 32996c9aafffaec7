"""Routes of svc_customer: accounts, contacts and interactions."""

from flask import Blueprint

from gateway_flask.resources import add_resource

__all__ = ["customer"]

customer = Blueprint("customer", __name__)

add_resource(customer, "customer", "account", "accounts", has_past=True)
add_resource(customer, "customer", "contact", "contacts", has_past=True)
add_resource(customer, "customer", "interaction", "interactions", has_past=True)
