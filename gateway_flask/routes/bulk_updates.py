"""Routes of svc_customer: changes of many records, and taking operations back."""

from flask import Blueprint, Response

from gateway_flask.auth import requires, signed_in
from gateway_flask.bus import call
from gateway_flask.inputs import body, query, reads_query
from gateway_flask.responses import answer

__all__ = ["bulk_updates"]

bulk_updates = Blueprint("bulk_updates", __name__)


@bulk_updates.post("/v1/bulk-updates")
@requires("bulk-updates:write")
def create_bulk_update() -> Response:
    """See ``CustomerService.create_bulk_update``."""
    return answer(call("customer", "create_bulk_update", payload=body()), 202)


@bulk_updates.get("/v1/bulk-updates")
@signed_in
@reads_query
def list_bulk_updates() -> Response:
    """See ``CustomerService.list_bulk_updates``."""
    return answer(call("customer", "list_bulk_updates", query=query()))


@bulk_updates.get("/v1/bulk-updates/<id:bulk_update_id>")
@signed_in
def get_bulk_update(bulk_update_id: str) -> Response:
    """See ``CustomerService.get_bulk_update``."""
    return answer(call("customer", "get_bulk_update", bulk_update_id=bulk_update_id))


@bulk_updates.get("/v1/bulk-updates/<id:bulk_update_id>/conflicts")
@signed_in
@reads_query
def list_bulk_update_conflicts(bulk_update_id: str) -> Response:
    """See ``CustomerService.list_bulk_update_conflicts``."""
    return answer(
        call(
            "customer",
            "list_bulk_update_conflicts",
            bulk_update_id=bulk_update_id,
            query=query(),
        )
    )


@bulk_updates.post("/v1/bulk-updates/<id:bulk_update_id>/cancel")
@signed_in
def cancel_bulk_update(bulk_update_id: str) -> Response:
    """See ``CustomerService.cancel_bulk_update``."""
    return answer(call("customer", "cancel_bulk_update", bulk_update_id=bulk_update_id))


@bulk_updates.post("/v1/bulk-updates/<id:bulk_update_id>/undo")
@signed_in
def undo_bulk_update(bulk_update_id: str) -> Response:
    """See ``CustomerService.undo_bulk_update``."""
    return answer(
        call("customer", "undo_bulk_update", bulk_update_id=bulk_update_id), 202
    )


@bulk_updates.post("/v1/operations/<id:operation_id>/undo")
@signed_in
def undo_operation(operation_id: str) -> Response:
    """See ``CustomerService.undo_operation``."""
    return answer(call("customer", "undo_operation", operation_id=operation_id), 202)
