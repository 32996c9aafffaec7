"""Fields that an organization adds to its accounts and contacts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chassis.errors import ConflictError, InvalidInputError, invalid_field
from svc_customer.domain.records import ChangingRecord

__all__ = [
    "CUSTOM_FIELD_TYPES",
    "EXTENSIBLE",
    "INDEX_STATUSES",
    "MAX_OPTIONS",
    "UNIQUE_TYPES",
    "WITH_OPTIONS",
    "CustomField",
    "change_custom_field",
    "check_room",
    "is_building",
    "new_custom_field",
    "with_index",
    "without_index",
]

EXTENSIBLE: Final = ("accounts", "contacts")
CUSTOM_FIELD_TYPES: Final = (
    "text",
    "number",
    "money",
    "date",
    "select",
    "multi_select",
    "boolean",
    "reference",
    "url",
)
WITH_OPTIONS: Final = frozenset({"select", "multi_select"})
UNIQUE_TYPES: Final = frozenset({"text", "number", "date", "reference", "url"})
INDEX_STATUSES: Final = ("building", "ready", "failed")
_UNBUILT: Final = (None, "failed")
MAX_OPTIONS: Final = 200
_MAX_RETIRED: Final = 500
_MAX_LIVE: Final = 100
_MAX_INDEXED: Final = 30
# Keys are never free again, so that somebody who makes and archives fields
# without end has to be stopped.
_MAX_EVER: Final = 500


@dataclass(frozen=True, kw_only=True)
class CustomField(ChangingRecord):
    """A field of an organization's own.

    Attributes:
        options: What can be chosen.
        retired_options: What could be chosen once, and records may have still.
        index_status: Whether lists find by it already; None if they need not.
        index_build: How often that has been begun for records that were there.
        index_error: ``{"code", "message"}`` of why it failed.
    """

    resource: str
    key: str
    type: str
    label: str | None = None
    reference_to: str | None = None
    required: bool = False
    unique: bool = False
    indexed: bool = False
    options: tuple[str, ...] = ()
    retired_options: tuple[str, ...] = ()
    default: Any | None = None
    index_status: str | None = None
    index_build: int = field(default=0, metadata={"history": "derived"})
    index_error: Mapping[str, str] | None = None


def new_custom_field(
    field_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> CustomField:
    """A field as it is first stored; nothing has a value of it, so it is indexed."""
    return CustomField(
        id=field_id,
        owner_id=owner_id,
        created_at=now,
        updated_at=now,
        index_status="ready" if data.get("indexed") else None,
        **data,
    )


def change_custom_field(
    field: CustomField, patch: Mapping[str, Any], now: datetime
) -> CustomField:
    """The field with ``patch`` applied.

    Options that are left out are retired: records keep them, and none gets
    them any more. An index that was not wanted before has to be built, and one
    that could not be built, if it is said once more that it is wanted.

    Raises:
        InvalidInputError: ``invalid_input``: options for what has none, or too
            many that were taken away.
    """
    changes = dict(patch)
    if "options" in patch:
        if field.type not in WITH_OPTIONS:
            raise _refused("Only select and multi_select have options.")
        known = dict.fromkeys((*field.retired_options, *field.options))
        retired = tuple(each for each in known if each not in patch["options"])
        if len(retired) > _MAX_RETIRED:
            raise _refused("Too many options were taken away.")
        changes["retired_options"] = retired
    return field.changed(changes | _index_changes(field, patch), now)


def _index_changes(field: CustomField, patch: Mapping[str, Any]) -> dict[str, Any]:
    wanted = patch.get("indexed")
    if wanted and field.index_status in _UNBUILT:
        build = field.index_build + 1
        return {"index_status": "building", "index_build": build, "index_error": None}
    if wanted is False:
        return {"index_status": None, "index_error": None}
    return {}


def is_building(field: CustomField, build: int) -> bool:
    """Whether it is this build that its index waits for."""
    return field.index_status == "building" and field.index_build == build


def with_index(field: CustomField, build: int, now: datetime) -> CustomField:
    """The field when all records are found by it; itself if they need not be."""
    if not is_building(field, build):
        return field
    return field.changed({"index_status": "ready"}, now)


def without_index(
    field: CustomField, build: int, error: Mapping[str, str], now: datetime
) -> CustomField:
    """The field when records cannot be made to be found by it."""
    if not is_building(field, build):
        return field
    return field.changed({"index_status": "failed", "index_error": error}, now)


def _refused(message: str) -> InvalidInputError:
    return invalid_field("invalid_input", message, field="options")


def check_room(field: CustomField, others: Collection[CustomField]) -> None:
    """Refuse a field for which there is no room beside the others of its resource.

    Raises:
        ConflictError: ``too_many_custom_fields``.
    """
    live = [each for each in others if each.archived_at is None]
    if len(others) >= _MAX_EVER or len(live) >= _MAX_LIVE:
        raise ConflictError(
            "too_many_custom_fields",
            f"At most {_MAX_LIVE} at a time, and {_MAX_EVER} with archived ones.",
        )
    if field.indexed and sum(each.indexed for each in live) >= _MAX_INDEXED:
        raise ConflictError(
            "too_many_custom_fields", f"At most {_MAX_INDEXED} can be indexed."
        )
