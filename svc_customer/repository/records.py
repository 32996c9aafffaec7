"""Indexes and list fields that customer records share."""

from collections.abc import Mapping
from typing import Any, Final

from chassis.mongo import Document, Index, by
from chassis.outbox import PENDING_INDEX
from chassis.query import Field

__all__ = ["RECORD_FIELDS", "RECORD_INDEXES", "external_keys"]


RECORD_INDEXES: Final = (
    PENDING_INDEX,
    by("created_at"),
    by("updated_at"),
    by("owner_id", "created_at"),
    Index(
        (("org_id", 1), ("external_keys", 1)),
        is_unique=True,
        partial={"external_keys": {"$exists": True}},
    ),
)
RECORD_FIELDS: Final[Mapping[str, Field]] = {
    "id": Field("id", "_id"),
    "owner_id": Field(),
    "created_at": Field("datetime", is_sortable=True),
    "updated_at": Field("datetime", is_sortable=True),
    "archived_at": Field("datetime"),
    "external_id": Field("text", "external_keys"),
}


def external_keys(external_ids: Mapping[str, Any]) -> Document:
    """``source:id`` pairs, unique in the organization."""
    if not external_ids:
        return {}
    keys = [f"{source}:{name}" for source, name in sorted(external_ids.items())]
    return {"external_keys": keys}
