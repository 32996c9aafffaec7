"""Events as they travel."""

from chassis.ids import new_id


def envelope(org_id, **fields):
    """A well-formed event of a new contact, with these fields instead."""
    return {
        "id": new_id(),
        "event": "customer.contact_created",
        "version": 1,
        "org_id": org_id,
        "aggregate": {"type": "contact", "id": new_id()},
        "sequence": 1,
        "operation_id": new_id(),
        "occurred_at": "2026-01-31T09:30:00.123Z",
        "actor": {"type": "operator", "id": "operator"},
        "request_id": "test",
        "traceparent": "",
        "visibility": {"owner_id": None, "acl": []},
        "data": {},
        **fields,
    }
