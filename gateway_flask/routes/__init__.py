"""One module per owning service; a route is decorators and one ``call``.

``aggregate`` has the few that ask several services at once.
"""

from flask import Blueprint

from gateway_flask.routes.access_tokens import access_tokens
from gateway_flask.routes.account_pages import account_pages
from gateway_flask.routes.aggregate import aggregate
from gateway_flask.routes.analytics import analytics
from gateway_flask.routes.audit import audit
from gateway_flask.routes.auth import auth
from gateway_flask.routes.bulk_updates import bulk_updates
from gateway_flask.routes.challenges import challenges
from gateway_flask.routes.customer import customer
from gateway_flask.routes.device_pages import device_pages
from gateway_flask.routes.docs import docs
from gateway_flask.routes.invitations import invitations
from gateway_flask.routes.notify import notify
from gateway_flask.routes.oauth import oauth
from gateway_flask.routes.oauth_clients import oauth_clients
from gateway_flask.routes.people import people
from gateway_flask.routes.roles import roles
from gateway_flask.routes.sales import sales
from gateway_flask.routes.second_factors import second_factors
from gateway_flask.routes.segments import segments
from gateway_flask.routes.service_accounts import service_accounts
from gateway_flask.routes.sessions import sessions
from gateway_flask.routes.sign_in import sign_in
from gateway_flask.routes.stream import stream
from gateway_flask.routes.system import system
from gateway_flask.routes.teams import teams

__all__ = ["BLUEPRINTS"]

BLUEPRINTS: tuple[Blueprint, ...] = (
    auth,
    oauth,
    oauth_clients,
    sign_in,
    device_pages,
    people,
    sessions,
    challenges,
    second_factors,
    invitations,
    account_pages,
    roles,
    teams,
    audit,
    access_tokens,
    service_accounts,
    customer,
    bulk_updates,
    segments,
    sales,
    analytics,
    notify,
    aggregate,
    stream,
    docs,
    system,
)
