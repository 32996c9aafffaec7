"""One module per owning service; a route is decorators and one ``call``."""

from flask import Blueprint

from gateway_flask.routes.analytics import analytics
from gateway_flask.routes.auth import auth
from gateway_flask.routes.customer import customer
from gateway_flask.routes.notify import notify
from gateway_flask.routes.sales import sales
from gateway_flask.routes.system import system

__all__ = ["BLUEPRINTS"]

BLUEPRINTS: tuple[Blueprint, ...] = (auth, customer, sales, analytics, notify, system)
