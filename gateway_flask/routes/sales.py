"""Routes of svc_sales: leads and opportunities."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call, within
from gateway_flask.inputs import body, if_match, optional_body, query
from gateway_flask.responses import answer, created, no_content

__all__ = ["sales"]

sales = Blueprint("sales", __name__)


@sales.post("/v1/leads")
@requires("leads:write")
def create_lead() -> Response:
    """See ``SalesService.create_lead``."""
    return created(call("sales", "create_lead", payload=body()))


@sales.get("/v1/leads")
@requires("leads:read")
def list_leads() -> Response:
    """See ``SalesService.list_leads``."""
    return answer(call("sales", "list_leads", query=query()))


@sales.get("/v1/leads/<id:lead_id>")
@requires("leads:read")
def get_lead(lead_id: str) -> Response:
    """See ``SalesService.get_lead``."""
    return answer(call("sales", "get_lead", lead_id=lead_id))


@sales.patch("/v1/leads/<id:lead_id>")
@requires("leads:write")
def update_lead(lead_id: str) -> Response:
    """See ``SalesService.update_lead``."""
    return answer(
        call(
            "sales",
            "update_lead",
            lead_id=lead_id,
            payload=body(),
            expected_version=if_match(),
        )
    )


@sales.delete("/v1/leads/<id:lead_id>")
@requires("leads:write")
def archive_lead(lead_id: str) -> Response:
    """See ``SalesService.archive_lead``."""
    return no_content(
        call(
            "sales",
            "archive_lead",
            lead_id=lead_id,
            expected_version=if_match(),
        )
    )


@sales.post("/v1/leads/<id:lead_id>/restore")
@requires("leads:write")
def restore_lead(lead_id: str) -> Response:
    """See ``SalesService.restore_lead``."""
    return answer(
        call(
            "sales",
            "restore_lead",
            lead_id=lead_id,
            expected_version=if_match(),
        )
    )


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
def list_opportunities() -> Response:
    """See ``SalesService.list_opportunities``."""
    return answer(call("sales", "list_opportunities", query=query()))


@sales.get("/v1/opportunities/<id:opportunity_id>")
@requires("opportunities:read")
def get_opportunity(opportunity_id: str) -> Response:
    """See ``SalesService.get_opportunity``."""
    return answer(call("sales", "get_opportunity", opportunity_id=opportunity_id))
