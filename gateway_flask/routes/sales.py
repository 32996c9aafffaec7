"""Routes of svc_sales: leads and opportunities."""

from flask import Blueprint, Response

from gateway_flask.answer_cache import cached
from gateway_flask.auth import requires
from gateway_flask.bus import call, within
from gateway_flask.inputs import if_match, optional_body, query, reads_query
from gateway_flask.resources import add_resource
from gateway_flask.responses import answer

__all__ = ["sales"]

sales = Blueprint("sales", __name__)


add_resource(sales, "sales", "lead", "leads")


@sales.post("/v1/leads/<id:lead_id>/qualify")
@requires("leads:write")
def qualify_lead(lead_id: str) -> Response:
    """See ``SalesService.qualify_lead``."""
    return answer(
        call("sales", "qualify_lead", lead_id=lead_id, expected_version=if_match())
    )


@sales.post("/v1/leads/<id:lead_id>/convert")
@requires("leads:write")
@within(10)
def convert_lead(lead_id: str) -> Response:
    """See ``SalesService.convert_lead``; everything in its body is optional."""
    return answer(
        call(
            "sales",
            "convert_lead",
            lead_id=lead_id,
            payload=optional_body() or {},
            expected_version=if_match(),
        )
    )


@sales.get("/v1/opportunities")
@requires("opportunities:read")
@reads_query
def list_opportunities() -> Response:
    """See ``SalesService.list_opportunities``."""
    return answer(call("sales", "list_opportunities", query=query()))


@sales.get("/v1/opportunities/<id:opportunity_id>")
@requires("opportunities:read")
@cached
def get_opportunity(opportunity_id: str) -> Response:
    """See ``SalesService.get_opportunity``."""
    return answer(call("sales", "get_opportunity", opportunity_id=opportunity_id))
