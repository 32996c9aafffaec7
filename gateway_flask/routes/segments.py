"""Routes of svc_customer: segments and who is in them."""

from flask import Blueprint, Response

from gateway_flask.auth import requires
from gateway_flask.bus import call
from gateway_flask.inputs import body, if_match, query, reads_query
from gateway_flask.resources import add_resource
from gateway_flask.responses import answer

__all__ = ["segments"]

segments = Blueprint("segments", __name__)

add_resource(
    segments, "customer", "segment", "segments", has_batch=False, has_past=True
)


@segments.post("/v1/segments/preview")
@requires("segments:read")
def preview_segment() -> Response:
    """See ``CustomerService.preview_segment``."""
    return answer(call("customer", "preview_segment", payload=body()))


@segments.post("/v1/segments/<id:segment_id>/refresh")
@requires("segments:write")
def refresh_segment(segment_id: str) -> Response:
    """See ``CustomerService.refresh_segment``."""
    return answer(
        call(
            "customer",
            "refresh_segment",
            segment_id=segment_id,
            expected_version=if_match(),
        )
    )


@segments.get("/v1/segments/<id:segment_id>/members")
@requires("segments:read")
@reads_query
def list_segment_members(segment_id: str) -> Response:
    """See ``CustomerService.list_segment_members``."""
    return answer(
        call("customer", "list_segment_members", segment_id=segment_id, query=query())
    )


@segments.post("/v1/segments/<id:segment_id>/members")
@requires("segments:write")
def add_segment_members(segment_id: str) -> Response:
    """See ``CustomerService.add_segment_members``."""
    return answer(
        call("customer", "add_segment_members", segment_id=segment_id, payload=body())
    )


@segments.delete("/v1/segments/<id:segment_id>/members")
@requires("segments:write")
def remove_segment_members(segment_id: str) -> Response:
    """See ``CustomerService.remove_segment_members``."""
    return answer(
        call(
            "customer", "remove_segment_members", segment_id=segment_id, payload=body()
        )
    )


@segments.get("/v1/segments/<id:segment_id>/sizes")
@requires("segments:read")
def list_segment_sizes(segment_id: str) -> Response:
    """See ``CustomerService.list_segment_sizes``."""
    return answer(call("customer", "list_segment_sizes", segment_id=segment_id))
