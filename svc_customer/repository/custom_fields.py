"""Where the fields of an organization's own are kept."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.event_log import PENDING_INDEX
from chassis.fields import EARLIEST, Field
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from svc_customer.domain.custom_fields import (
    CUSTOM_FIELD_TYPES,
    EXTENSIBLE,
    CustomField,
)

__all__ = ["CUSTOM_FIELDS", "CustomFieldRepository"]

# More than there can be of one resource.
_ALL: Final = 1_000
_UNNEEDED: Final = ("pending_events", "operations")
# A long batch sees what others change meanwhile.
_FRESH_S: Final = 1.0

CUSTOM_FIELDS: Final = Collection(
    "custom_fields",
    (
        PENDING_INDEX,
        Index((("org_id", 1), ("resource", 1), ("key", 1)), is_unique=True),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
        by("key", "created_at"),
        by("type", "created_at"),
    ),
)


class CustomFieldRepository(Repository[CustomField]):
    """Custom fields of one organization."""

    collection = CUSTOM_FIELDS
    noun = "custom_field"
    resource = "custom-fields"
    entity = CustomField
    fields: ClassVar[Mapping[str, Field]] = {
        "resource": Field(choices=EXTENSIBLE),
        "key": Field(),
        "type": Field(choices=CUSTOM_FIELD_TYPES),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def __init__(self, database: Database[Document], context: Context) -> None:
        super().__init__(database, context)
        self._read: dict[str, tuple[float, list[CustomField]]] = {}
        self._hidden: dict[str, tuple[float, frozenset[str]]] = {}

    def restore(self, document: Document) -> CustomField:
        """Build the field that ``document`` keeps."""
        field = super().restore(document)
        # Of all its values a list is the only one that is not as it was.
        if isinstance(field.default, tuple):
            return replace(field, default=list(field.default))
        return field

    def of(self, resource: str) -> list[CustomField]:
        """All fields of a resource, archived ones included, whoever asks.

        Read once per request, and anew after a second.
        """
        read_at, found = self._read.get(resource, (float("-inf"), []))
        if time.monotonic() - read_at > _FRESH_S:
            read_at = time.monotonic()
            wanted = {"resource": resource}
            rows = self._rows.find(wanted, [("key", 1)], _ALL, _UNNEEDED)
            found = [self.restore(row) for row in rows]
            self._read[resource] = read_at, found
        return found

    def hidden_keys(self, resource: str) -> frozenset[str]:
        """Keys of archived fields, whose values are not shown.

        There are few or none, so that this costs less than ``of``.
        """
        read_at, keys = self._hidden.get(resource, (float("-inf"), frozenset()))
        if time.monotonic() - read_at > _FRESH_S:
            read_at = time.monotonic()
            archived = {"resource": resource, "archived_at": {"$gte": EARLIEST}}
            rows = self._rows.find(archived, [("_id", 1)], _ALL)
            keys = frozenset(row["key"] for row in rows)
            self._hidden[resource] = read_at, keys
        return keys
