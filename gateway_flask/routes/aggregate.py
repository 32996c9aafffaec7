"""Routes that join what several services own; see ``gateway_flask.sections``."""

from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Blueprint, Response, g

from gateway_flask.auth import requires, signed_in
from gateway_flask.bus import ask, within
from gateway_flask.inputs import reads_query
from gateway_flask.limits import costs
from gateway_flask.responses import answer
from gateway_flask.search import search_answer
from gateway_flask.sections import Section, answer_sections

__all__ = ["aggregate"]

aggregate = Blueprint("aggregate", __name__)

_DEADLINE_S: Final = 2
# About what the calls behind it would cost one by one.
_UNITS: Final = 5
_FEW: Final = "10"
_SOME: Final = "20"
_DAYS: Final = 7
_OPEN_LEADS: Final = "new,working,qualified"


@aggregate.get("/v1/accounts/<id:account_id>/overview")
@requires("accounts:read")
@within(_DEADLINE_S)
@costs(_UNITS)
def get_overview(account_id: str) -> Response:
    """An account and what belongs to it, each part from its owner.

    Cases and scores will be sections of their own when there are any.
    """
    own = {"filter[account_id]": account_id, "limit": _SOME}
    return answer_sections(
        {
            "account": Section(
                "accounts:read",
                f"/v1/accounts/{account_id}",
                ask("customer", "get_account", account_id=account_id),
            ),
            "contacts": Section(
                "contacts:read",
                "/v1/contacts",
                ask("customer", "list_contacts", query=own),
            ),
            "opportunities": Section(
                "opportunities:read",
                "/v1/opportunities",
                ask(
                    "sales",
                    "list_opportunities",
                    query={**own, "filter[status]": "open"},
                ),
            ),
            "interactions": Section(
                "interactions:read",
                "/v1/interactions",
                ask(
                    "customer",
                    "list_interactions",
                    query={**own, "sort": "-occurred_at"},
                ),
            ),
        },
        needed="account",
    )


@aggregate.get("/v1/home")
@signed_in
@within(_DEADLINE_S)
@costs(_UNITS)
def get_home() -> Response:
    """What whoever is signed in needs first."""
    own = {"filter[owner_id]": g.caller.principal_id, "limit": _FEW}
    since = datetime.now(tz=UTC).date() - timedelta(days=_DAYS - 1)
    return answer_sections(
        {
            "leads": Section(
                "leads:read",
                "/v1/leads",
                ask(
                    "sales",
                    "list_leads",
                    query={**own, "filter[status][in]": _OPEN_LEADS},
                ),
            ),
            "opportunities": Section(
                "opportunities:read",
                "/v1/opportunities",
                ask(
                    "sales",
                    "list_opportunities",
                    query={**own, "filter[status]": "open"},
                ),
            ),
            "interactions": Section(
                "interactions:read",
                "/v1/interactions",
                ask(
                    "customer",
                    "list_interactions",
                    query={"sort": "-occurred_at", "limit": _FEW},
                ),
            ),
            "activity": Section(
                "analytics:read",
                "/v1/analytics/activity",
                ask("analytics", "get_activity", query={"from": since.isoformat()}),
            ),
            "deliveries": Section(
                "deliveries:read",
                "/v1/deliveries",
                ask("notify", "list_deliveries", query={"limit": _FEW}),
            ),
        }
    )


@aggregate.get("/v1/search")
@signed_in
@within(_DEADLINE_S)
@costs(_UNITS)
@reads_query
def search() -> Response:
    """Find contacts, accounts, leads and opportunities by the words of their names.

    All words have to fit the beginnings of words of a name, an address, a domain
    or a telephone number. Kinds that cannot be asked for now are ``unavailable``
    in ``sections``, and their hits are missing.

    Args:
        query: A ``SearchQuery``.

    Returns:
        A ``SearchView``.

    Raises:
        UnavailableError: ``service_unavailable``, ``broker_unavailable``,
            ``database_unavailable`` or ``too_busy``: nothing could be asked.
        DeadlineExceededError: ``deadline_exceeded``: the same.
    """
    return answer(search_answer())
