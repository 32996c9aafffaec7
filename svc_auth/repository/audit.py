"""The audit log: svc_auth's own event log, and how acts come into it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from chassis.event_log import EVENT_LOG, PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, by
from chassis.reader import Reader
from chassis.repository import Repository
from svc_auth.domain.acts import Act

__all__ = ["ACTS", "AUTH_EVENT_LOG", "ActRepository", "AuditLog"]

ACTS: Final = Collection(
    "acts", (PENDING_INDEX, Index((("expires_at", 1),), expires_after_s=0))
)
AUTH_EVENT_LOG: Final = Collection(
    EVENT_LOG.name,
    (
        *EVENT_LOG.indexes,
        Index((("event", 1), ("position", 1))),
        by("occurred_at"),
        by("event", "occurred_at"),
        by("actor.id", "occurred_at"),
        by("data.person_id", "occurred_at"),
        by("origin.address", "occurred_at"),
        by("request_id", "occurred_at"),
    ),
    is_append_only=True,
)


class ActRepository(Repository[Act]):
    """Acts, until the log has had their events for a while."""

    collection = ACTS
    noun = "act"
    resource = "acts"
    entity = Act
    fields: ClassVar[Mapping[str, Field]] = {}
    is_narrowed = False


class AuditLog(Reader[Any]):
    """An organization's events of svc_auth, the latest first."""

    collection = AUTH_EVENT_LOG
    noun = "audit_entry"
    resource = "audit-log"
    entity = dict
    live: ClassVar[Mapping[str, Any]] = {}
    # Whoever may read the log may read all of it.
    is_narrowed = False
    default_sort = "-occurred_at"
    fields: ClassVar[Mapping[str, Field]] = {
        "occurred_at": Field("datetime", is_sortable=True, is_wire_text=True),
        "action": Field("code", "event"),
        "actor_id": Field("code", "actor.id"),
        "person_id": Field("id", "data.person_id"),
        "address": Field("code", "origin.address"),
        "request_id": Field("code"),
    }

    def restore(self, document: Document) -> Document:
        """An entry as it is shown."""
        data, origin = document["data"], document.get("origin", {})
        return {
            "id": document["_id"],
            "occurred_at": document["occurred_at"],
            "action": document["event"],
            "actor": document["actor"],
            "target": _target(document),
            "person_id": data.get("person_id"),
            "address": origin.get("address") or None,
            "user_agent": origin.get("user_agent") or None,
            "request_id": document["request_id"],
            "operation_id": document["operation_id"],
            "data": data,
            # Personal values are not among them: those are encrypted.
            "changes": document.get("changes", {}),
            "seal": document["seal"].hex() if "seal" in document else None,
        }


def _target(document: Document) -> Document | None:
    """What it was done to, by the id that clients know it by."""
    aggregate, person_id = document["aggregate"], document["data"].get("person_id")
    if aggregate["type"] in {"act", "user"}:
        return None if person_id is None else {"type": "user", "id": person_id}
    return dict(aggregate)
