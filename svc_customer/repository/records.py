"""Indexes and list fields that customer records share."""

from collections.abc import Iterable, Mapping
from typing import Final

from chassis.dialing import number_keys
from chassis.event_log import PENDING_INDEX
from chassis.fields import EARLIEST, Field
from chassis.mongo import Document, Index, by
from svc_customer.domain.lifecycle import LIFECYCLE_STAGES

__all__ = [
    "CUSTOMER_FIELDS",
    "CUSTOMER_INDEXES",
    "FACETS",
    "LIVE",
    "RECORD_FIELDS",
    "RECORD_INDEXES",
    "SEGMENT_INDEX",
    "TAG_INDEX",
    "external_keys",
    "phone_keys",
    "stored_keys",
]


LIVE: Final = {"is_live": True}
# What lists of accounts and contacts are most often filtered by besides.
FACETS: Final = ("is_live", "lifecycle_stage", "owner_id", "source")
RECORD_INDEXES: Final = (
    PENDING_INDEX,
    by("grams", "created_at"),
    Index(
        (("org_id", 1), ("created_at", 1), ("_id", 1), ("archived_at", 1)),
        partial={"archived_at": {"$gte": EARLIEST}},
    ),
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
    "external_id": Field(
        "code",
        "external_keys",
        is_list=True,
        form="`source:id`, such as `erp:4711`",
    ),
}
TAG_INDEX: Final = by("tags", "created_at", covering=FACETS)
SEGMENT_INDEX: Final = by("segment_keys", "created_at", covering=FACETS)
CUSTOMER_INDEXES: Final = (
    *RECORD_INDEXES,
    TAG_INDEX,
    SEGMENT_INDEX,
    *(
        by(*fields, covering=FACETS)
        for fields in (
            ("created_at",),
            ("updated_at",),
            ("acl", "created_at"),
            ("owner_id", "created_at"),
            ("lifecycle_stage", "created_at"),
            ("source", "created_at"),
            ("last_interaction_at",),
        )
    ),
)
CUSTOMER_FIELDS: Final[Mapping[str, Field]] = {
    **RECORD_FIELDS,
    "lifecycle_stage": Field(choices=LIFECYCLE_STAGES),
    "source": Field(),
    "tags": Field(is_list=True),
    "last_interaction_at": Field("datetime", is_sortable=True),
}


def external_keys(external_ids: Mapping[str, str]) -> list[str]:
    """``source:id`` pairs, unique in the organization."""
    return [f"{source}:{name}" for source, name in sorted(external_ids.items())]


def phone_keys(numbers: Iterable[str]) -> list[str]:
    """What a record with these telephone numbers is found by."""
    return list(dict.fromkeys(key for each in numbers for key in number_keys(each)))


def stored_keys(external_ids: Mapping[str, str]) -> Document:
    """The keys as an index finds them; nothing for a record without any."""
    keys = external_keys(external_ids)
    return {"external_keys": keys} if keys else {}
